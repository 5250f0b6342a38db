package openai

import (
	"math"
	"sync"

	api "github.com/sashabaranov/go-openai"
)

// tokensPerByte is what a request is taken to cost until the server's own counts
// say that it is more: JSON and English have four bytes in a token, other
// languages fewer.
const tokensPerByte = 1.0 / 3

// maxCount is the largest count of tokens that a server is believed.
const maxCount = 1 << 30

// budget counts the tokens of a run. A call reserves what it may cost before it
// is sent, so that calls under way together cannot pass the limit together.
type budget struct {
	mu                 sync.Mutex
	limit              int
	prompt, completion int
	reserved           int
	rate               float64 // tokens per byte, the worst seen
}

// held is what one call reserved.
type held struct{ bytes, prompt, answer int }

// reserve is false if the limit might be passed.
func (b *budget) reserve(bytes, answer int) (held, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := held{bytes: bytes, prompt: int(math.Ceil(float64(bytes) * b.rate)), answer: answer}
	if b.limit > 0 && b.prompt+b.completion+b.reserved+h.prompt+h.answer > b.limit {
		return held{}, false
	}
	b.reserved += h.prompt + h.answer
	return h, true
}

// settle replaces a reservation by what the call cost: the server's count, or
// what was reserved where it gives none; nothing if the call was not billed.
func (b *budget) settle(h held, u api.Usage, billed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved -= h.prompt + h.answer
	if !billed {
		return
	}
	prompt, completion := h.prompt, h.answer
	if u.PromptTokens > 0 {
		prompt, completion = min(u.PromptTokens, maxCount), min(max(0, u.CompletionTokens), maxCount)
		if h.bytes > 0 {
			b.rate = min(1, max(b.rate, float64(prompt)/float64(h.bytes))) // no token is less than a byte
		}
	}
	b.prompt = min(b.prompt+prompt, maxCount)
	b.completion = min(b.completion+completion, maxCount)
}

func (b *budget) used() (prompt, completion int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.prompt, b.completion
}

// state is what was used, and what is reserved.
func (b *budget) state() (used, held int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.prompt + b.completion, b.reserved
}
