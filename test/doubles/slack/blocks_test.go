package slack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	slackgo "github.com/slack-go/slack"

	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

func long(n int) string { return strings.Repeat("é", n) }

func plain(n int) *slackgo.TextBlockObject {
	return slackgo.NewTextBlockObject("plain_text", long(n), false, false)
}

func section(n int) slackgo.Block { return slackgo.NewSectionBlock(plain(n), nil, nil) }

func fields(count, n int) slackgo.Block {
	var all []*slackgo.TextBlockObject
	for range count {
		all = append(all, plain(n))
	}
	return slackgo.NewSectionBlock(nil, all, nil)
}

func buttons(count, id, value, label int) slackgo.Block {
	var all []slackgo.BlockElement
	for i := range count {
		all = append(all, slackgo.NewButtonBlockElement(fmt.Sprintf("%02d%s", i, long(id-2)), long(value), plain(label)))
	}
	return slackgo.NewActionBlock("", all...)
}

func times(n int, b slackgo.Block) (all []slackgo.Block) {
	for range n {
		all = append(all, b)
	}
	return all
}

func contextOf(n int) slackgo.Block {
	var all []slackgo.MixedElement
	for range n {
		all = append(all, plain(1))
	}
	return slackgo.NewContextBlock("", all...)
}

func withConfirm(n int) slackgo.Block {
	b := slackgo.NewButtonBlockElement("go", "1", plain(1))
	b.Confirm = slackgo.NewConfirmationBlockObject(plain(1), plain(n), plain(1), plain(1))
	return slackgo.NewActionBlock("", b)
}

// TestBlockLimits holds each limit to be accepted at its edge and refused beyond it.
func TestBlockLimits(t *testing.T) {
	_, bot := serve(t, slack.Options{})
	for name, c := range map[string]struct {
		within, beyond []slackgo.Block
		pointer        string
	}{
		"blocks":           {times(50, slackgo.NewDividerBlock()), times(51, slackgo.NewDividerBlock()), "/blocks"},
		"section text":     {times(1, section(3000)), times(1, section(3001)), "/blocks/0/text/text"},
		"no text":          {times(1, section(1)), times(1, section(0)), "/blocks/0/text/text"},
		"header":           {times(1, slackgo.NewHeaderBlock(plain(150))), times(1, slackgo.NewHeaderBlock(plain(151))), "/blocks/0/text/text"},
		"number of fields": {times(1, fields(10, 1)), times(1, fields(11, 1)), "/blocks/0/fields"},
		"field text":       {times(1, fields(1, 2000)), times(1, fields(2, 2001)), "/blocks/0/fields/1/text"},
		"context elements": {times(1, contextOf(10)), times(1, contextOf(11)), "/blocks/0/elements"},
		"actions":          {times(1, buttons(25, 3, 1, 1)), times(1, buttons(26, 3, 1, 1)), "/blocks/0/elements"},
		"button value":     {times(1, buttons(1, 3, 2000, 1)), times(1, buttons(1, 3, 2001, 1)), "/blocks/0/elements/0/value"},
		"button label":     {times(1, buttons(1, 3, 1, 75)), times(1, buttons(1, 3, 1, 76)), "/blocks/0/elements/0/text/text"},
		"action_id":        {times(1, buttons(1, 255, 1, 1)), times(1, buttons(1, 256, 1, 1)), "/blocks/0/elements/0/action_id"},
		"confirm text":     {times(1, withConfirm(300)), times(1, withConfirm(301)), "/blocks/0/elements/0/confirm/text/text"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := bot.PostMessage(ops, slackgo.MsgOptionBlocks(c.within...)); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			_, _, err := bot.PostMessage(ops, slackgo.MsgOptionBlocks(c.beyond...))
			wantCode(t, err, "invalid_blocks")
			var refused slackgo.SlackErrorResponse
			if errors.As(err, &refused); !strings.Contains(fmt.Sprint(refused.ResponseMetadata.Messages), "[json-pointer:"+c.pointer+"]") {
				t.Errorf("reasons %q do not point at %s", refused.ResponseMetadata.Messages, c.pointer)
			}
		})
	}
}

func TestAllBlocksTogetherAreLimited(t *testing.T) {
	_, bot := serve(t, slack.Options{})
	overhead := func(blocks []slackgo.Block) int {
		data, err := json.Marshal(blocks)
		if err != nil {
			t.Fatal(err)
		}
		return len([]rune(string(data)))
	}
	full := append(times(4, section(3000)), section(1))
	rest := slack.MaxBlocksLength - overhead(full) + 1
	if _, _, err := bot.PostMessage(ops, slackgo.MsgOptionBlocks(append(times(4, section(3000)), section(rest))...)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, _, err := bot.PostMessage(ops, slackgo.MsgOptionBlocks(append(times(4, section(3000)), section(rest+1))...))
	wantCode(t, err, "msg_blocks_too_long")
}

// TestBlocksThatAreNotBlockKit uses raw JSON because slack-go cannot write most of these mistakes.
func TestBlocksThatAreNotBlockKit(t *testing.T) {
	for name, c := range map[string]struct{ blocks, code, reason string }{
		"no array":         {`{"type":"divider"}`, "invalid_blocks_format", ""},
		"unknown type":     {`[{"type":"banner"}]`, "invalid_blocks", "unsupported type: banner"},
		"unknown property": {`[{"type":"divider","colour":"red"}]`, "invalid_blocks", "invalid additional property: colour"},
		"emoji in mrkdwn":  {`[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`, "invalid_blocks", "invalid additional property: emoji"},
		"bare text":        {`[{"type":"section","text":"x"}]`, "invalid_blocks", "must provide an object"},
		"mrkdwn header":    {`[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`, "invalid_blocks", "must be one of"},
		"same action_id": {`[{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"}},
			{"type":"button","action_id":"a","text":{"type":"plain_text","text":"y"}}]}]`, "invalid_blocks", "already exists"},
		"same block_id": {`[{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}]`, "invalid_blocks", "already exists"},
		"odd style":     {`[{"type":"actions","elements":[{"type":"button","style":"blue","text":{"type":"plain_text","text":"x"}}]}]`, "invalid_blocks", "primary, danger"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := json.Marshal(map[string]string{"channel": ops, "blocks": c.blocks})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("POST", "/api/chat.postMessage", bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+slack.DefaultToken)
			rec := httptest.NewRecorder()
			slack.New(slack.Options{}).ServeHTTP(rec, r)
			var answer struct {
				Error  string
				Errors []string
			}
			err = json.Unmarshal(rec.Body.Bytes(), &answer)
			if err != nil || answer.Error != c.code || !strings.Contains(strings.Join(answer.Errors, " "), c.reason) {
				t.Errorf("answered %s, want %s for %q", rec.Body, c.code, c.reason)
			}
		})
	}
}
