package slack

import (
	"cmp"
	"net/url"
	"slices"
)

// authTest is auth.test: who the token belongs to.
func (w *Workspace) authTest(url.Values) (object, error) {
	return object{"url": cmp.Or(w.options.Address, "https://double.slack.com/"), "team": "Double", "team_id": TeamID, "user": "remediated",
		"user_id": BotUserID, "bot_id": BotID, "is_enterprise_install": false}, nil
}

// userInfo is users.info.
func (w *Workspace) userInfo(a url.Values) (object, error) {
	id := a.Get("user")
	if id == BotUserID {
		return object{"user": object{"id": BotUserID, "team_id": TeamID, "name": "remediated", "is_bot": true}}, nil
	}
	i := slices.IndexFunc(w.options.Users, func(u User) bool { return u.ID == id })
	if i < 0 {
		return nil, refuse("user_not_found")
	}
	u := w.options.Users[i]
	return object{"user": object{"id": u.ID, "team_id": TeamID, "name": u.Name, "real_name": u.RealName, "tz": u.TimeZone,
		"deleted": false, "is_bot": false}}, nil
}
