package main

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/cmd/internal/catalogue"
	"github.com/x0tta6bl4/remediated/policies/language"
)

func (c *cli) docCommand(cmd *kingpin.CmdClause) {
	var names []string
	for _, f := range language.Files() {
		names = append(names, f.Name)
	}
	doc := cmd.Command("doc", "Print the reference of the policy language: each key, action and probe, as Markdown.")
	file := doc.Flag("schema", "Print the JSON Schema of a kind of file instead, for editors: policies, config or tests.").
		PlaceHolder("FILE").Enum(names...)
	c.commands[doc.FullCommand()] = func(context.Context) error { return c.doc(*file) }
}

// doc prints the reference, or the schema of a kind of file.
func (c *cli) doc(file string) error {
	text := language.Markdown(catalogue.Kinds())
	for _, f := range language.Files() {
		if f.Name != file {
			continue
		}
		var err error
		if text, err = f.Schema(catalogue.Kinds()); err != nil {
			return err
		}
	}
	_, err := c.out.w.Write(text)
	return err
}
