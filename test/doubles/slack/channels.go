package slack

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of channels, as Slack documents them.
const (
	MaxChannelName = 80
	MaxTopic       = 250
	MaxChannelPage = 999
)

var channelName = regexp.MustCompile(`^[a-z0-9_-]+$`)

// Channels is every conversation as it is now, made ones included.
func (w *Workspace) Channels() []Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.channels)
	for i := range all {
		all[i].Members = slices.Clone(all[i].Members)
	}
	return all
}

// Archive archives a channel, or takes it out of the archive, as a person would, and tells whether it was there.
func (w *Workspace) Archive(channelID string, archived bool) bool {
	defer w.changes.Tell()
	_, err := w.change(channelID, func(c *Channel) error { c.Archived = archived; return nil })
	return err == nil
}

// channel finds a conversation by ID or by name with or without the number sign, as chat.postMessage does.
func (w *Workspace) channel(idOrName string) (Channel, bool) {
	name := strings.TrimPrefix(idOrName, "#")
	return w.channelWhere(func(c Channel) bool { return c.ID == idOrName || c.Name == name })
}

func (w *Workspace) channelByID(id string) (Channel, bool) {
	return w.channelWhere(func(c Channel) bool { return c.ID == id })
}

func (w *Workspace) channelWhere(is func(Channel) bool) (Channel, bool) {
	all := w.Channels()
	i := slices.IndexFunc(all, is)
	if i < 0 {
		return Channel{}, false
	}
	return all[i], true
}

// change changes a channel, unless to says that it cannot be.
func (w *Workspace) change(id string, to func(*Channel) error) (Channel, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.channels, func(c Channel) bool { return c.ID == id })
	if i < 0 {
		return Channel{}, refuse("channel_not_found")
	}
	c := w.channels[i]
	if err := to(&c); err != nil {
		return Channel{}, err
	}
	w.channels[i] = c
	return c, nil
}

// readable refuses channels whose messages the bot cannot read; it takes IDs only.
func (w *Workspace) readable(id string) (Channel, error) {
	c, ok := w.channelByID(id)
	switch {
	case !ok:
		return c, refuse("channel_not_found")
	case c.NotMember:
		return c, refuse("not_in_channel")
	}
	return c, nil
}

// channelInfo is conversations.info.
func (w *Workspace) channelInfo(a url.Values) (object, error) {
	c, ok := w.channelByID(a.Get("channel"))
	if !ok {
		return nil, refuse("channel_not_found")
	}
	return object{"channel": c.render()}, nil
}

// channelList is conversations.list, in which a bot looks up the ID of a name. The cursor is how many channels were
// shown already.
func (w *Workspace) channelList(a url.Values) (object, error) {
	limit, skip, err := parseList(a)
	if err != nil {
		return nil, err
	}
	shown := []object{}
	for _, c := range w.Channels() {
		if !c.Archived || !isTrue(a.Get("exclude_archived")) {
			shown = append(shown, c.render())
		}
	}
	shown = shown[min(skip, len(shown)):]
	next := ""
	if len(shown) > limit {
		shown, next = shown[:limit], strconv.Itoa(skip+limit)
	}
	return object{"channels": shown, "response_metadata": object{"next_cursor": next}}, nil
}

func parseList(a url.Values) (limit, skip int, err error) {
	limit = 100
	if text := a.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > MaxChannelPage {
			return 0, 0, refuse("invalid_limit")
		}
	}
	if text := a.Get("cursor"); text != "" {
		if skip, err = strconv.Atoi(text); err != nil || skip < 1 {
			return 0, 0, refuse("invalid_cursor")
		}
	}
	return limit, skip, nil
}

// createChannel is conversations.create: the bot is in the new channel, and nobody else.
func (w *Workspace) createChannel(a url.Values) (object, error) {
	name := a.Get("name")
	switch {
	case name == "":
		return nil, refuse("invalid_name_required")
	case utf8.RuneCountInString(name) > MaxChannelName:
		return nil, refuse("invalid_name_maxlength")
	case !channelName.MatchString(name):
		return nil, refuse("invalid_name_specials")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.channels, func(c Channel) bool { return c.Name == name }) {
		return nil, refuse("name_taken")
	}
	c := Channel{ID: fmt.Sprintf("C0NEW%04d", len(w.channels)), Name: name, Members: []string{}}
	w.channels = append(w.channels, c)
	defer w.changes.Tell()
	return object{"channel": c.render()}, nil
}

// setTopic is conversations.setTopic.
func (w *Workspace) setTopic(a url.Values) (object, error) {
	c, err := w.change(a.Get("channel"), func(c *Channel) error {
		if _, err := w.writable(*c, true); err != nil {
			return err
		}
		c.Topic = a.Get("topic")
		if utf8.RuneCountInString(c.Topic) > MaxTopic {
			return refuse("too_long")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer w.changes.Tell()
	return object{"channel": c.render()}, nil
}

// invite is conversations.invite: all are invited or, without force, nobody.
func (w *Workspace) invite(a url.Values) (object, error) {
	c, err := w.change(a.Get("channel"), func(c *Channel) error {
		if _, err := w.writable(*c, true); err != nil {
			return err
		}
		for _, id := range strings.Split(a.Get("users"), ",") {
			if err := w.invitable(*c, id); err == nil {
				c.Members = append(slices.Clone(c.Members), id)
			} else if !isTrue(a.Get("force")) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer w.changes.Tell()
	return object{"channel": c.render()}, nil
}

func (w *Workspace) invitable(c Channel, user string) error {
	switch {
	case user == "":
		return refuse("no_user")
	case user == BotUserID:
		return refuse("cant_invite_self")
	case !w.isUser(user):
		return refuse("user_not_found")
	case c.has(user):
		return refuse("already_in_channel")
	}
	return nil
}

// has tells whether a person is in the channel.
func (c Channel) has(user string) bool { return c.Members == nil || slices.Contains(c.Members, user) }

// archive is conversations.archive.
func (w *Workspace) archive(a url.Values) (object, error) {
	_, err := w.change(a.Get("channel"), func(c *Channel) error {
		switch {
		case c.Archived:
			return refuse("already_archived")
		case c.NotMember:
			return refuse("not_in_channel")
		}
		c.Archived = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	defer w.changes.Tell()
	return object{}, nil
}

func (c Channel) render() object {
	return object{"id": c.ID, "name": c.Name, "name_normalized": c.Name, "is_channel": true, "is_private": false,
		"is_archived": c.Archived, "is_member": !c.NotMember, "topic": object{"value": c.Topic}}
}
