package coordinator

import (
	"fmt"
	"strings"
)

// CheckKey returns an error that wraps [ErrBadKey] unless the key is well formed (see the package
// comment).
func CheckKey(key string) error {
	if len(key) > MaxKey {
		return fmt.Errorf("key %.40q… of %d bytes: %w", key, len(key), ErrBadKey)
	}
	rest, ok := strings.CutPrefix(key, "/")
	if !ok {
		return fmt.Errorf("key %q: %w", key, ErrBadKey)
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if !goodSegment(segment) {
			return fmt.Errorf("key %q: segment %q: %w", key, segment, ErrBadKey)
		}
	}
	return nil
}

// CheckKeys checks the arguments of Get. Its error wraps [ErrBadKey] or, for more than [MaxKeys],
// [ErrBadCommit].
func CheckKeys(keys ...string) error {
	if len(keys) > MaxKeys {
		return fmt.Errorf("reading %d keys at once (at most %d): %w", len(keys), MaxKeys, ErrBadCommit)
	}
	for _, key := range keys {
		if err := CheckKey(key); err != nil {
			return err
		}
	}
	return nil
}

// CheckPrefix checks a prefix: it must be "/", or a key followed by "/". Its error wraps
// [ErrBadKey].
func CheckPrefix(prefix string) error {
	if prefix == "/" {
		return nil
	}
	key, ok := strings.CutSuffix(prefix, "/")
	if !ok {
		return fmt.Errorf("prefix %q does not end in a slash: %w", prefix, ErrBadKey)
	}
	return CheckKey(key)
}

// CheckCommit checks a commit: its keys are well formed, no key is compared with a negative
// revision or written twice, and the limits are kept. Its error wraps [ErrBadKey] or
// [ErrBadCommit].
func CheckCommit(compares []Compare, writes []Write) error {
	if len(compares) > MaxCompares || len(writes) > MaxWrites {
		return fmt.Errorf("%d compares (at most %d), %d writes (at most %d): %w",
			len(compares), MaxCompares, len(writes), MaxWrites, ErrBadCommit)
	}
	for _, c := range compares {
		if err := CheckKey(c.Key); err != nil {
			return err
		}
		if c.Rev < 0 {
			return fmt.Errorf("comparing key %q with revision %d: %w", c.Key, c.Rev, ErrBadCommit)
		}
	}
	size, written := 0, make(map[string]bool, len(writes))
	for _, w := range writes {
		if err := CheckKey(w.Key); err != nil {
			return err
		}
		if written[w.Key] {
			return fmt.Errorf("key %q is written twice: %w", w.Key, ErrBadCommit)
		}
		written[w.Key] = true
		if len(w.Value) > MaxValue {
			return fmt.Errorf("the value of key %q has %d bytes, more than %d: %w",
				w.Key, len(w.Value), MaxValue, ErrBadCommit)
		}
		if size += len(w.Key) + len(w.Value); size > MaxCommit {
			return fmt.Errorf("the commit has more than %d bytes: %w", MaxCommit, ErrBadCommit)
		}
	}
	return nil
}

func goodSegment(s string) bool {
	if len(s) == 0 || len(s) > 128 || s == "." || s == ".." {
		return false
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-"
	return strings.Trim(s, alphabet) == ""
}
