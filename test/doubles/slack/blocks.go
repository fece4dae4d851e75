package slack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Limits of Block Kit in items and characters, as Slack documents them, but for MaxBlocksLength.
const (
	MaxBlocks          = 50
	MaxSectionText     = 3000
	MaxSectionFields   = 10
	MaxFieldText       = 2000
	MaxHeaderText      = 150
	MaxContextElements = 10
	MaxActions         = 25
	MaxButtonText      = 75
	MaxButtonValue     = 2000
	MaxURL             = 3000
	MaxActionID        = 255
	MaxBlockID         = 255
	MaxConfirmTitle    = 100
	MaxConfirmText     = 300
	MaxConfirmButton   = 30
	MaxAltText         = 2000
	MaxMarkdown        = 12_000
	// MaxBlocksLength is how long the JSON of all blocks together may be. Slack does not document it; people have
	// measured between 13,170 and 13,300 (github.com/slackapi/bolt-js, issue 2509).
	MaxBlocksLength = 13_200
)

// parseBlocks checks a JSON array of blocks and returns it in its shortest form, nil for no blocks.
func parseBlocks(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	var blocks []map[string]any
	if err := json.Unmarshal([]byte(text), &blocks); err != nil {
		return nil, refuse("invalid_blocks_format")
	}
	if len(blocks) == 0 {
		return nil, nil
	}
	var c blockCheck
	c.blocks(blocks)
	if len(c.messages) > 0 {
		return nil, refuse("invalid_blocks", c.messages...)
	}
	var short bytes.Buffer
	if err := json.Compact(&short, []byte(text)); err != nil {
		return nil, refuse("invalid_blocks_format")
	}
	if utf8.RuneCount(short.Bytes()) > MaxBlocksLength {
		return nil, refuse("msg_blocks_too_long")
	}
	return short.Bytes(), nil
}

// blockCheck collects what is wrong with blocks, each with the JSON pointer to it, as Slack does.
type blockCheck struct{ messages []string }

func (c *blockCheck) wrong(pointer, format string, args ...any) {
	c.messages = append(c.messages, fmt.Sprintf("[ERROR] %s [json-pointer:%s]", fmt.Sprintf(format, args...), pointer))
}

// properties are the properties that a kind of block may have. Kinds that are not here and not in unexamined do not
// exist.
var properties = map[string][]string{
	"section":  words("type block_id text fields accessory expand"),
	"header":   words("type block_id text level"),
	"context":  words("type block_id elements"),
	"actions":  words("type block_id elements"),
	"divider":  words("type block_id"),
	"image":    words("type block_id image_url slack_file alt_text title"),
	"markdown": words("type block_id text"),
}

// unexamined are kinds of blocks that exist but that the double takes as they are.
var unexamined = words("rich_text input video file table context_actions")

func (c *blockCheck) blocks(blocks []map[string]any) {
	if len(blocks) > MaxBlocks {
		c.wrong("/blocks", "no more than %d items allowed", MaxBlocks)
	}
	ids := map[any]bool{}
	for i, b := range blocks {
		at := fmt.Sprintf("/blocks/%d", i)
		if id, given := b["block_id"]; given {
			if ids[id] {
				c.wrong(at+"/block_id", "`block_id` %q already exists", id)
			}
			ids[id] = true
			c.length(at+"/block_id", id, 0, MaxBlockID)
		}
		c.block(at, b)
	}
}

func (c *blockCheck) block(at string, b map[string]any) {
	kind, _ := b["type"].(string)
	if slices.Contains(unexamined, kind) {
		return
	}
	known, ok := properties[kind]
	if !ok {
		c.wrong(at+"/type", "unsupported type: %s", kind)
		return
	}
	c.onlyProperties(at, b, known)
	switch kind {
	case "section":
		c.section(at, b)
	case "header":
		c.text(at+"/text", b["text"], MaxHeaderText, "plain_text")
	case "context":
		c.elements(at, b, MaxContextElements, c.contextElement)
	case "actions":
		c.elements(at, b, MaxActions, c.interactive)
		c.uniqueActions(at, b)
	case "image":
		c.length(at+"/alt_text", b["alt_text"], 1, MaxAltText)
	case "markdown":
		c.length(at+"/text", b["text"], 1, MaxMarkdown)
	}
}

func (c *blockCheck) section(at string, b map[string]any) {
	fields, hasFields := b["fields"].([]any)
	if b["text"] != nil || !hasFields {
		c.text(at+"/text", b["text"], MaxSectionText, "plain_text", "mrkdwn")
	}
	if hasFields && (len(fields) == 0 || len(fields) > MaxSectionFields) {
		c.wrong(at+"/fields", "no fewer than 1 and no more than %d items allowed", MaxSectionFields)
	}
	for i, f := range fields {
		c.text(fmt.Sprintf("%s/fields/%d", at, i), f, MaxFieldText, "plain_text", "mrkdwn")
	}
	if accessory, ok := b["accessory"].(map[string]any); ok && accessory["type"] != "image" {
		c.interactive(at+"/accessory", accessory)
	}
}

// elements checks the elements of a context or actions block one by one.
func (c *blockCheck) elements(at string, b map[string]any, most int, check func(string, map[string]any)) {
	elements, _ := b["elements"].([]any)
	switch {
	case len(elements) == 0:
		c.wrong(at+"/elements", "no fewer than 1 items allowed")
	case len(elements) > most:
		c.wrong(at+"/elements", "no more than %d items allowed", most)
	}
	for i, e := range elements {
		pointer := fmt.Sprintf("%s/elements/%d", at, i)
		if element, ok := e.(map[string]any); ok {
			check(pointer, element)
		} else {
			c.wrong(pointer, "must provide an object")
		}
	}
}

func (c *blockCheck) contextElement(at string, e map[string]any) {
	if e["type"] == "image" {
		c.length(at+"/alt_text", e["alt_text"], 1, MaxAltText)
		return
	}
	c.text(at, e, MaxSectionText, "plain_text", "mrkdwn")
}

// interactive checks an element that people use. Of the kinds only buttons are examined whole.
func (c *blockCheck) interactive(at string, e map[string]any) {
	if e["action_id"] != nil {
		c.length(at+"/action_id", e["action_id"], 1, MaxActionID)
	}
	if e["type"] != "button" {
		return
	}
	c.onlyProperties(at, e, words("type text action_id url value style confirm accessibility_label"))
	c.text(at+"/text", e["text"], MaxButtonText, "plain_text")
	c.optionalLength(at+"/value", e["value"], MaxButtonValue)
	c.optionalLength(at+"/url", e["url"], MaxURL)
	if style, given := e["style"]; given && style != "primary" && style != "danger" {
		c.wrong(at+"/style", "must be one of: primary, danger")
	}
	if confirm, ok := e["confirm"].(map[string]any); ok {
		c.text(at+"/confirm/title", confirm["title"], MaxConfirmTitle, "plain_text")
		c.text(at+"/confirm/text", confirm["text"], MaxConfirmText, "plain_text", "mrkdwn")
		c.text(at+"/confirm/confirm", confirm["confirm"], MaxConfirmButton, "plain_text")
		c.text(at+"/confirm/deny", confirm["deny"], MaxConfirmButton, "plain_text")
	}
}

// uniqueActions refuses two elements of a block with one action_id: a click could not be told from another.
func (c *blockCheck) uniqueActions(at string, b map[string]any) {
	seen := map[any]bool{}
	elements, _ := b["elements"].([]any)
	for i, e := range elements {
		element, _ := e.(map[string]any)
		id, given := element["action_id"]
		if given && seen[id] {
			c.wrong(fmt.Sprintf("%s/elements/%d/action_id", at, i), "`action_id` %q already exists", id)
		}
		seen[id] = true
	}
}

// text checks a text object of one of the kinds.
func (c *blockCheck) text(at string, value any, most int, kinds ...string) {
	t, ok := value.(map[string]any)
	if !ok {
		c.wrong(at, "must provide an object")
		return
	}
	kind, _ := t["type"].(string)
	if !slices.Contains(kinds, kind) {
		c.wrong(at+"/type", "must be one of: %v", kinds)
	}
	known := words("type text emoji")
	if kind == "mrkdwn" {
		known = words("type text verbatim")
	}
	c.onlyProperties(at, t, known)
	c.length(at+"/text", t["text"], 1, most)
}

func (c *blockCheck) optionalLength(at string, value any, most int) {
	if value != nil {
		c.length(at, value, 0, most)
	}
}

// length checks that a value is a text of at least and at most so many characters.
func (c *blockCheck) length(at string, value any, least, most int) {
	text, ok := value.(string)
	n := utf8.RuneCountInString(text)
	switch {
	case !ok:
		c.wrong(at, "must be a string")
	case n < least:
		c.wrong(at, "must be more than %d characters", least-1)
	case n > most:
		c.wrong(at, "must be less than %d characters", most+1)
	}
}

func (c *blockCheck) onlyProperties(at string, o map[string]any, known []string) {
	for name := range o {
		if !slices.Contains(known, name) {
			c.wrong(at, "invalid additional property: %s", name)
		}
	}
}
