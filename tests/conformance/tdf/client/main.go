// A stock TDF client for the conformance checks: the public Go SDK, driven by one JSON job per line.
//
// Each line of standard input is a job, each line of standard output its answer. The answer of a job
// that failed names the error in the SDK's own words; whether that is right is for the caller to judge.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/opentdf/platform/lib/ocrypto"
	"github.com/opentdf/platform/sdk"
)

// service is one key-access service with the kind of key that a writer wraps to.
type service struct {
	URL       string `json:"url"`
	Algorithm string `json:"algorithm"`
}

// statement is what an assertion says.
type statement struct {
	ID     string `json:"id"`
	Format string `json:"format"`
	Schema string `json:"schema"`
	Value  string `json:"value"`
}

// job is one order: "write" makes Out from In, "read" gives back In's content in Out.
type job struct {
	Do            string      `json:"do"`
	Platform      string      `json:"platform"`
	Client        string      `json:"client"`
	Secret        string      `json:"secret"`
	In            string      `json:"in"`
	Out           string      `json:"out"`
	Services      []service   `json:"services"`
	Attributes    []string    `json:"attributes"`
	Autoconfigure bool        `json:"autoconfigure"`
	Algorithm     string      `json:"algorithm"`
	Format        string      `json:"format"`
	Session       string      `json:"session"`
	Allowed       []string    `json:"allowed"`
	Assertions    []statement `json:"assertions"`
	SegmentSize   int64       `json:"segment_size"`
}

// answer is what came of a job.
type answer struct {
	OK         bool        `json:"ok"`
	Error      string      `json:"error,omitempty"`
	Forbidden  bool        `json:"forbidden"`
	Tampered   bool        `json:"tampered"`
	Handed     int64       `json:"handed"`
	Attributes []string    `json:"attributes,omitempty"`
	Assertions []statement `json:"assertions,omitempty"`
}

func connect(j job) (*sdk.SDK, error) {
	options := []sdk.Option{
		sdk.WithClientCredentials(j.Client, j.Secret, nil),
		sdk.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
	}
	if strings.HasPrefix(j.Platform, "http://") {
		options = append(options, sdk.WithInsecurePlaintextConn())
	}
	return sdk.New(j.Platform, options...)
}

func write(j job) (answer, error) {
	client, err := connect(j)
	if err != nil {
		return answer{}, err
	}
	defer client.Close()
	data, err := os.ReadFile(j.In)
	if err != nil {
		return answer{}, err
	}
	infos := make([]sdk.KASInfo, 0, len(j.Services))
	for _, s := range j.Services {
		infos = append(infos, sdk.KASInfo{URL: s.URL, Algorithm: s.Algorithm})
	}
	options := []sdk.TDFOption{
		sdk.WithDataAttributes(j.Attributes...),
		sdk.WithKasInformation(infos...),
		sdk.WithAutoconfigure(j.Autoconfigure),
		sdk.WithTargetMode(j.Format),
		sdk.WithMimeType("text/plain"),
	}
	if j.Algorithm != "" {
		options = append(options, sdk.WithWrappingKeyAlg(ocrypto.KeyType(j.Algorithm)))
	}
	if j.SegmentSize > 0 {
		options = append(options, sdk.WithSegmentSize(j.SegmentSize))
	}
	for _, a := range j.Assertions {
		options = append(options, sdk.WithAssertions(sdk.AssertionConfig{
			ID: a.ID, Type: sdk.HandlingAssertion, Scope: sdk.TrustedDataObjScope, AppliesToState: sdk.Unencrypted,
			Statement: sdk.Statement{Format: a.Format, Schema: a.Schema, Value: a.Value},
		}))
	}
	out, err := os.Create(j.Out)
	if err != nil {
		return answer{}, err
	}
	defer out.Close()
	if _, err = client.CreateTDF(out, bytes.NewReader(data), options...); err != nil {
		return answer{}, err
	}
	return answer{OK: true, Handed: int64(len(data))}, out.Sync()
}

func read(j job) (answer, error) {
	client, err := connect(j)
	if err != nil {
		return answer{}, err
	}
	defer client.Close()
	in, err := os.Open(j.In)
	if err != nil {
		return answer{}, err
	}
	defer in.Close()
	options := []sdk.TDFReaderOption{sdk.WithSessionKeyType(ocrypto.KeyType(j.Session))}
	if len(j.Allowed) > 0 {
		options = append(options, sdk.WithKasAllowlist(j.Allowed))
	}
	reader, err := client.LoadTDF(in, options...)
	if err != nil {
		return answer{}, err
	}
	out, err := os.Create(j.Out)
	if err != nil {
		return answer{}, err
	}
	defer out.Close()
	handed, err := io.Copy(out, reader)
	found := answer{OK: err == nil, Handed: handed}
	if err != nil {
		return found, err
	}
	for _, a := range reader.Manifest().Assertions {
		s := a.Statement
		found.Assertions = append(found.Assertions, statement{ID: a.ID, Format: s.Format, Schema: s.Schema, Value: s.Value})
	}
	found.Attributes, err = reader.DataAttributes()
	return found, err
}

func do(line []byte) (found answer) {
	defer func() {
		if fault := recover(); fault != nil {
			found = answer{Error: fmt.Sprint("panic: ", fault)}
		}
	}()
	var j job
	if err := json.Unmarshal(line, &j); err != nil {
		return answer{Error: err.Error()}
	}
	orders := map[string]func(job) (answer, error){"write": write, "read": read}
	order, known := orders[j.Do]
	if !known {
		return answer{Error: "unknown order"}
	}
	found, err := order(j)
	if err != nil {
		found.OK, found.Error = false, err.Error()
		found.Forbidden = errors.Is(err, sdk.ErrRewrapForbidden)
		found.Tampered = errors.Is(err, sdk.ErrTampered)
	}
	return found
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := answers.Encode(do(lines.Bytes())); err != nil {
			os.Exit(1)
		}
	}
}
