package slack

// advice is what to do about the codes that will not be gone. What is to be done
// about a code of one method in particular stands under both.
var advice = map[string]string{ //nolint:gosec // these are words about tokens
	"not_authed":                            "put the bot token into notify.slack.token_file",
	"invalid_auth":                          "put a valid bot token (xoxb-...) into notify.slack.token_file",
	"account_inactive":                      "the app was removed or its user deactivated: install it again and renew notify.slack.token_file",
	"token_revoked":                         "install the app again and renew notify.slack.token_file",
	"token_expired":                         "renew notify.slack.token_file",
	"not_allowed_token_type":                "use a bot token (xoxb-...) in notify.slack.token_file",
	"missing_scope":                         "give the app the scope and install it again",
	"channel_not_found":                     "correct notify.slack.channel, or invite the app when the channel is private",
	"not_in_channel":                        "invite the app to the channel",
	"is_archived":                           "unarchive the channel or correct notify.slack.channel",
	"restricted_action":                     "let the app post in the channel: a workspace preference forbids it",
	"no_permission":                         "give the app the scope and install it again",
	"msg_too_long":                          "this is a bug in remediated: please report it",
	"msg_blocks_too_long":                   "this is a bug in remediated: please report it",
	"invalid_blocks":                        "this is a bug in remediated: please report it",
	"no_text":                               "this is a bug in remediated: please report it",
	"ekm_access_denied":                     "ask the workspace's administrators: its keys are suspended",
	"team_access_not_granted":               "let the app into the workspace",
	"unknown_method":                        "correct notify.slack.api_url",
	"cannot_reply_to_message":               "the thread cannot be answered",
	"metadata_too_large":                    "this is a bug in remediated: please report it",
	"messages_tab_disabled":                 "post to a channel instead: correct notify.slack.channel",
	"method_not_supported_for_channel_type": "post to a channel instead: correct notify.slack.channel",

	"chat.postMessage missing_scope":       "give the app the scope chat:write and install it again",
	"chat.update missing_scope":            "give the app the scope chat:write and install it again",
	"chat.postEphemeral missing_scope":     "give the app the scope chat:write and install it again",
	"conversations.list missing_scope":     "give the app the scope channels:read and install it again",
	"conversations.info missing_scope":     "give the app the scope channels:read and install it again",
	"chat.postEphemeral channel_not_found": "invite the app to the channel",

	"conversations.create missing_scope":      "give the app the scope channels:manage and install it again, or set notify.slack.bridge.war_room",
	"conversations.create restricted_action":  "let the app make channels, which a workspace preference forbids, or set notify.slack.bridge.war_room",
	"conversations.create user_is_restricted": "let the app make channels, or set notify.slack.bridge.war_room",
	"conversations.create name_taken":         "a channel that the app cannot see has the name: rename it, or set notify.slack.bridge.war_room",
	"conversations.setTopic missing_scope":    "give the app the scope channels:manage and install it again",
	"conversations.invite missing_scope":      "give the app the scope channels:manage and install it again",
	"conversations.invite user_not_found":     "correct notify.slack.bridge.invite",
	"conversations.invite cant_invite":        "correct notify.slack.bridge.invite: the person cannot be invited",
	"conversations.archive missing_scope":     "give the app the scope channels:manage and install it again; until then archive the channel by hand",
	"conversations.archive restricted_action": "let the app archive channels, which a workspace preference forbids, or archive the channel by hand",

	"apps.connections.open not_authed":             "put the app token (xapp-...) into notify.slack.app_token_file",
	"apps.connections.open invalid_auth":           "put a valid app token (xapp-...) into notify.slack.app_token_file",
	"apps.connections.open token_revoked":          "make a new app token and put it into notify.slack.app_token_file",
	"apps.connections.open token_expired":          "make a new app token and put it into notify.slack.app_token_file",
	"apps.connections.open account_inactive":       "the app was removed: install it again and renew notify.slack.app_token_file",
	"apps.connections.open not_allowed_token_type": "use an app token (xapp-...) in notify.slack.app_token_file",
	"apps.connections.open missing_scope":          "give the app token the scope connections:write",
}

// adviceOn returns what to do about a code of the method, "" when we do not know.
func adviceOn(method, code string) string {
	if do, ok := advice[method+" "+code]; ok {
		return do
	}
	return advice[code]
}
