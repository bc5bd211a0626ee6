package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// DecodeJSON reads the first JSON value of a document. what names it for people: "index.json".
func DecodeJSON(r io.Reader, what string, v any) error {
	err := json.NewDecoder(r).Decode(v)
	if err == nil {
		return nil
	}
	_, syntax := errors.AsType[*json.SyntaxError](err)
	if syntax || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = errors.New("it is not JSON")
	}
	return fmt.Errorf("reading %s: %w", what, err)
}
