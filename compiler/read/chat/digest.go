package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strconv"
)

// Digest is what caches and records know a request by: its messages, its schema
// and its sample, and a salt for what else bears on the answer. The intent is no
// part of it: two intents that ask the same have the same answer.
func (r Request) Digest(salt string) string {
	h := sha256.New()
	field := func(s string) {
		_ = binary.Write(h, binary.BigEndian, uint64(len(s))) // a hash never fails
		h.Write([]byte(s))
	}
	field(salt)
	field(r.SchemaName)
	field(string(r.Schema))
	field(strconv.Itoa(r.Sample))
	for _, m := range r.Messages {
		field(m.Role)
		field(m.Content)
	}
	return hex.EncodeToString(h.Sum(nil))
}
