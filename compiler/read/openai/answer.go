package openai

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	api "github.com/sashabaranov/go-openai"

	"github.com/kubeteus/kubeteus/compiler/read/chat"
)

// inspect says what is wrong with a body that came with a status of success.
func (c *Client) inspect(h http.Header, body []byte) *failure {
	body = bytes.TrimSpace(body)
	media, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	var doc struct {
		Choices json.RawMessage
		Error   json.RawMessage
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	switch {
	case len(body) == 0:
		return c.malformed("an empty answer", hintBase)
	case media == "text/event-stream" || bytes.HasPrefix(body, []byte("data:")) || bytes.HasPrefix(body, []byte("event:")):
		return c.malformed("a stream of events where one answer was asked for", "turn forced streaming off at the server or the gateway in front of it")
	case isHTML(h, body):
		return c.malformed("a web page", hintBase+"; or a proxy or a login stands in between")
	case media != "" && media != "text/plain" && media != "application/octet-stream" && !strings.Contains(media, "json"):
		return c.malformed("an answer of type "+c.scrub.line(media), hintBase)
	}
	if err := dec.Decode(&doc); err != nil {
		f := c.malformed("an answer that is no JSON: "+c.scrub.line(err.Error()), hintBase)
		if strings.Contains(err.Error(), "unexpected end") || strings.Contains(err.Error(), "unexpected EOF") {
			f.retry = few // a body of no stated length that was cut
		}
		return f
	}
	if dec.More() {
		return c.malformed("several documents where one answer was asked for", "turn forced streaming off at the server or the gateway in front of it")
	}
	if len(doc.Choices) == 0 && len(doc.Error) > 0 && string(doc.Error) != "null" {
		f := c.malformed("an error in place of an answer: "+c.scrub.line(listen(h, body).message), "")
		return f
	}
	return nil
}

// maxText is the longest answer that is handed on. No limit on tokens that makes
// sense lets a model write more.
const maxText = 1 << 20

// answer takes the text out of a whole chat completion.
func (c *Client) answer(resp api.ChatCompletionResponse) (chat.Reply, *failure) {
	switch n := len(resp.Choices); {
	case n == 0:
		return chat.Reply{}, c.malformed("an answer without choices", hintBase)
	case n > 1:
		return chat.Reply{}, c.malformed("several choices where one was asked for", "")
	}
	choice := resp.Choices[0]
	content := choice.Message.Content
	for _, part := range choice.Message.MultiContent {
		content += part.Text
	}
	switch {
	case choice.FinishReason == api.FinishReasonContentFilter:
		return chat.Reply{}, &failure{kind: chat.Filtered, message: c.where + " filtered the answer", hint: "say the statement in other words"}
	case choice.Message.Refusal != "":
		return chat.Reply{}, &failure{kind: chat.Filtered, message: "the model declines: " + c.scrub.line(choice.Message.Refusal), hint: "say the statement in other words"}
	case choice.FinishReason == api.FinishReasonLength:
		return chat.Reply{}, &failure{kind: chat.Truncated, message: "the model's answer ends in the middle: it is longer than an answer may be", hint: "say less in one statement, or give answers more tokens"}
	case len(choice.Message.ToolCalls) > 0 || choice.Message.FunctionCall != nil ||
		choice.FinishReason == api.FinishReasonToolCalls || choice.FinishReason == api.FinishReasonFunctionCall:
		return chat.Reply{}, c.malformed("a tool call, and no tool was offered", "use a model that answers in text, or turn tools off at the server")
	case len(content) > maxText:
		return chat.Reply{}, c.malformed("an answer of more than 1 MiB of text", "give answers fewer tokens, and look at what the model repeats")
	case strings.TrimSpace(content) == "":
		return chat.Reply{}, c.malformed("an answer without text", "")
	}
	return chat.Reply{
		Text:             c.scrub.answer(content),
		Model:            c.scrub.line(resp.Model),
		Finish:           c.scrub.line(string(choice.FinishReason)),
		PromptTokens:     min(max(0, resp.Usage.PromptTokens), maxCount),
		CompletionTokens: min(max(0, resp.Usage.CompletionTokens), maxCount),
	}, nil
}
