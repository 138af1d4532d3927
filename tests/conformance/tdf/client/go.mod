module delian.example/tdf-client

go 1.26.10

require (
	github.com/opentdf/platform/lib/ocrypto v0.14.0
	github.com/opentdf/platform/sdk v0.36.0
)
