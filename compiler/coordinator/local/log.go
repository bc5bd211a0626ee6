package local

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"slugc/compiler/coordinator"
)

// maxLog is how many bytes of history are kept at most, even if those are few revisions.
const maxLog = 64 << 20

// appendLog records a commit under st.rev and drops what is too old.
func appendLog(tx *bolt.Tx, st *state, writes []coordinator.Write, history int) error {
	var b []byte
	for _, w := range writes {
		flag := byte(0)
		if w.Delete {
			flag = 1
		}
		b = append(b, flag)
		b = append(binary.AppendUvarint(b, uint64(len(w.Key))), w.Key...)
		b = append(binary.AppendUvarint(b, uint64(len(w.Value))), w.Value...)
	}
	if err := write(tx, logBucket, appendNumber(nil, st.rev), b); err != nil {
		return err
	}
	st.logBytes += int64(len(b))
	log, err := open(tx, logBucket)
	if err != nil {
		return err
	}
	for st.rev-st.compacted > int64(history) || (st.logBytes > maxLog && st.compacted < st.rev-1) {
		oldest := appendNumber(nil, st.compacted+1)
		st.logBytes -= int64(max(0, len(log.Get(oldest))-4))
		if err := log.Delete(oldest); err != nil {
			return err
		}
		st.compacted++
	}
	return nil
}

// readLog returns the deliveries under prefix of a batch of revisions that starts with next, and
// the revision after the batch. The error is coordinator.ErrCompacted if next is no longer kept.
func readLog(tx *bolt.Tx, prefix string, next int64) ([]coordinator.Delivery, int64, error) {
	const batch = 1 << 20 // bytes: a watcher far behind must not hold the lock for long, or much memory
	st, err := readState(tx)
	if err != nil {
		return nil, next, err
	}
	if next <= st.compacted {
		return nil, next, fmt.Errorf("watching from revision %d, kept from %d: %w",
			next, st.compacted+1, coordinator.ErrCompacted)
	}
	var deliveries []coordinator.Delivery
	for size := 0; next <= st.rev && size < batch; next++ {
		b, err := read(tx, logBucket, appendNumber(nil, next))
		if err != nil {
			return nil, next, err
		}
		if b == nil {
			return nil, next, fmt.Errorf("%w: revision %d is missing from the log", ErrDamaged, next)
		}
		size += len(b)
		events, err := decode(b, prefix, next)
		if err != nil {
			return nil, next, err
		}
		if len(events) > 0 {
			deliveries = append(deliveries, coordinator.Delivery{Events: events})
		}
	}
	return deliveries, next, nil
}

// decode reads the events of a revision that lie under prefix, sorted by key.
func decode(b []byte, prefix string, rev int64) ([]coordinator.Event, error) {
	var events []coordinator.Event
	for len(b) > 0 {
		flag := b[0]
		key, rest, ok := cut(b[1:])
		value, rest, ok2 := cut(rest)
		if !ok || !ok2 {
			return nil, fmt.Errorf("%w: revision %d in the log is cut short", ErrDamaged, rev)
		}
		b = rest
		if strings.HasPrefix(string(key), prefix) {
			w := coordinator.Write{Key: string(key), Value: bytes.Clone(value), Delete: flag == 1}
			if w.Delete {
				w.Value = nil
			}
			events = append(events, coordinator.Event{Write: w, Rev: rev})
		}
	}
	slices.SortFunc(events, func(a, b coordinator.Event) int { return strings.Compare(a.Key, b.Key) })
	return events, nil
}

// cut takes a length and that many bytes off b.
func cut(b []byte) (part, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	return b[size : size+int(n)], b[size+int(n):], true
}
