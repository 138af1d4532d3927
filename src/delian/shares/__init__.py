"""Secret arithmetic on three hosts; knows no policy."""
