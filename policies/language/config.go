package language

import "github.com/x0tta6bl4/remediated/remediate"

// Roles: what a person may be, and who may approve.
var (
	role     = word("viewer", "operator", "approver")
	approves = word("operator", "approver")
)

// ofConfig are the objects of the configuration, but for those of notify.
var ofConfig = []Object{
	{"configuration", "The configuration of the daemon, `remediated.yml`. Relative paths begin at its folder. Secrets stand in files of their own.", []Field{
		{"cluster", name, Required, "This installation's name, a part of the identity of every incident and target."},
		{"policies", listOf(object("group")), Required, "The policy files."},
		{"alertmanagers", listOf(object("server")), Required, "All Alertmanagers of the cluster."},
		{"prometheus", object("server"), "nothing can be asked in PromQL", "Who is asked what policies ask in PromQL."},
		{"clusters", listOf(object("cluster")), "the one that the daemon runs in, or the current context", "How to reach the Kubernetes cluster; one has the name that `cluster` says."},
		{"name_servers", listOf(object("name server")), "policies change no DNS name", "The DNS servers at which policies may change what names lead to."},
		{"people", listOf(object("person")), "everybody who reaches the page may do everything", "Who may give commands."},
		{"trusted_proxy", object("trusted proxy"), "none is believed", "A proxy that logs people in and says who they are."},
		{"notify", object("notify"), "people are told nothing", "How people are told."},
		{"runbooks", object("runbooks"), "those that `deploy/remediated.example.yml` shows", "Who hears of an incident and when."},
		{"watchdog", object("watchdog"), "none is expected", "An alert that always fires: when it does not come, people are called."},
		{"heartbeat", object("heartbeat"), "nobody is told", "Who outside is told that we are alive."},
		{"digests", either(object("digests"), word("none")), "every day at " + shown(remediate.DefaultDigests().At), "When people get a digest; `none` leaves only those of storms."},
		{"demote", object("demote"), "never: `remedy report shadow` only proposes it", "When a policy that does no better than waiting is put back to observe."},
		{"replica_labels", setOf(label), "`[replica, prometheus_replica]`", "Labels by which the members of a highly available Prometheus differ."},
		{"guards", object("guards of all policies"), "as said there", "Guards over all policies together."},
	}},
	{"group", "Policy files that stand and fall together: when one is broken at a reload, all keep their last good version.", []Field{
		{"files", setOf(pattern), Required, "The files, in the order in which alerts go to their policies."},
		{"namespaces", listOf(name), "any", "The only namespaces that the policies may target; they may then only name files in their own folder."},
	}},
	{"server", "A server that speaks HTTP. Beside its address stand the HTTP settings.", []Field{
		{"url", url, Required, "Its address, without a user, a password or a query."},
	}},
	{"HTTP settings", "The settings of Prometheus's HTTP clients, `http_config`, without those that would hold a secret.", []Field{
		{"basic_auth", settings, "none", "A user and the file of the password: `{username: ..., password_file: ...}`."},
		{"authorization", settings, "none", "An Authorization header: `{type: Bearer, credentials_file: ...}`."},
		{"oauth2", settings, "none", "OAuth 2.0 with client credentials."},
		{"bearer_token_file", orEmpty(path), "none", "The file of a bearer token; `authorization` says the same."},
		{"tls_config", settings, "the system's certificates are trusted", "TLS: `{ca_file: ..., cert_file: ..., key_file: ...}`."},
		{"follow_redirects", truth, "`true`", "Whether redirects are followed."},
		{"enable_http2", truth, "`true`", "Whether HTTP/2 is used."},
		{"http_headers", settings, "none", "Headers that are sent, by name: `{X-Scope-OrgID: {values: [...]}}`."},
		{"proxy_url", text("URL", ""), "none", "A proxy."},
		{"no_proxy", text("text", ""), "none", "Addresses, separated by commas, that are reached without the proxy."},
		{"proxy_from_environment", truth, "`false`", "Whether the proxy is the one of the environment."},
		{"proxy_connect_header", settings, "none", "Headers that are sent to the proxy."},
	}},
	{"cluster", "A Kubernetes cluster.", []Field{
		{"name", name, Required, "Its name."},
		{"kubeconfig", orEmpty(path), "that of the pod, or of the user", "A kubeconfig file."},
		{"context", orEmpty(text("text", "")), "the current one", "A context of the kubeconfig."},
	}},
	{"name server", "The primary of DNS zones that policies may change. Policies name it, and neither its address nor its key.", []Field{
		{"name", name, Required, "What policies call it."},
		{"address", domain, Required, "Its host, with a port where it is not 53."},
		{"key", object("key of a name server"), Required, "The key by which it knows us."},
		{"zones", listOf(domain), Required, "The zones whose names may be changed, as it has them."},
	}},
	{"key of a name server", "A key of TSIG (RFC 8945), by which updates are signed.", []Field{
		{"name", domain, Required, "Its name."},
		{"algorithm", word("hmac-sha256", "hmac-sha384", "hmac-sha512"), "`hmac-sha256`", "How it signs."},
		{"secret_file", path, Required, "The file with its secret in base64, as `tsig-keygen` prints it."},
	}},
	{"person", "One human, however they press.", []Field{
		{"name", plain, Required, "The name they give, or the user they log in as."},
		{"slack", plain, "not known", "Their user ID in Slack."},
		{"pagerduty", plain, "not known", "Their user ID in PagerDuty."},
		{"token_file", path, "none", "The file of their token for the API and the page, of at least 16 characters."},
		{"certificate", plain, "their name", "The name in their client certificate: its common name, or an alternative one."},
		{"roles", listOf(role), "none", "A `viewer` looks, as whoever has no role does; an `operator` gives every command but approve, deny and override; an `approver` gives those as well."},
	}},
	{"trusted proxy", "A proxy that logs people in and says in a header who they are. Who comes from its address and shows its certificate, as far as they are given, is believed.", []Field{
		{"header", header, Required, "The header with the user's name, from which the proxy takes away what others sent: for example `X-Forwarded-User`."},
		{"addresses", listOf(network), "any", "The addresses or networks that it comes from."},
		{"certificates", setOf(plain), "it need show none", "The names in its client certificate; it shows one of them."},
	}},
	{"watchdog", "An alert that always fires.", []Field{
		{"when", listOf(matcher), Required, "Which alert it is."},
		{"within", duration, Required, "People are called when it did not come for so long."},
	}},
	{"heartbeat", "Who is told that we are alive. Beside it stand the HTTP settings.", []Field{
		{"url_file", path, Required, "The file with the address, which is a secret."},
		{"every", duration, Required, "How often."},
		{"method", word("GET", "POST"), "`GET`", "How it is asked."},
	}},
	{"digests", "When people get a digest of what they are not told of one by one.", []Field{
		{"at", digestTime, Required, "The time of day, for example `'09:00'`."},
		{"days", listOf(word("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")), "every day", "The days of the week."},
		{"location", zone, "UTC", "The time zone by its name, for example `Europe/Berlin`."},
		{"head", truth, "`false`", "Whether each says where the journal ends, by which its past is checked later."},
	}},
	{"demote", "A policy that acts, and whose incidents end in time hardly more often than those that were left alone, is put back to observe until a human lets it go on.", []Field{
		{"every", duration, Required, "How often the journal is read for that."},
		{"over", duration, "`30d`", "How much of the past is looked at; not less than `every`."},
	}},
	{"guards of all policies", "Guards over all policies together. Each policy has guards of its own beside these.", []Field{
		{"budget", listOf(object("budget")), "none", "How many acts in how much time, one for each length of time."},
		{"storm", either(object("storm"), word("none")), "as said there", "When so much is broken at once that acting on each would add to it; `none` turns it off."},
	}},
	{"storm", "So much at once has one cause: automation is held, and people are called for the whole.", []Field{
		{"incidents", count(2, remediate.MaxOpens), "`20`", "So many opened within `per` begin a storm."},
		{"per", duration, "`5m`", "The time in which they are counted, at most " + longest + "."},
		{"share", share, "it is not looked at", "An open incident on this share of the targets known so far begins one, too."},
		{"calm", duration, "`5m`", "It ends when for so long less than half of that was there."},
	}},
}

// ofNotify are the objects of how people are told.
var ofNotify = []Object{
	{"notify", "How people are told.", []Field{
		{"slack", object("Slack"), "it is not used", "Where incidents are shown."},
		{"pagerduty", object("PagerDuty"), "it is not used", "How people are paged."},
		{"alertmanager", object("own alerts"), "nothing is raised", "What we have to say as alerts."},
		{"templates", listOf(pattern), "the shipped words", "Files in which texts of notices are worded anew."},
	}},
	{"own alerts", "What we have to say, as alerts of our own.", []Field{
		{"raise", truth, Required, "Whether it fires at the Alertmanagers, too."},
	}},
	{"Slack", "Slack, in which each incident is one message with a thread.", []Field{
		{"token_file", path, Required, "The file of the bot's token."},
		{"channel", plain, Required, "Where incidents are shown, for example `\"#incidents\"`."},
		{"drills", plain, "nowhere", "Where drills are shown, for example `\"#drills\"`."},
		{"signing_secret_file", path, "presses are not taken over HTTP", "The file of the secret by which presses over HTTP are checked."},
		{"app_token_file", path, "there is no socket", "The file of the app's token, by which presses come over a socket."},
		{"api_url", orEmpty(url), "Slack's own", "The address of the API."},
		{"mentions", mapOf(name.Pattern, listOf(called)), "nobody is called by Slack", "Who is mentioned when a rung is called by Slack."},
		{"bridge", object("bridge"), "there is none", "Where people come together about a P1."},
	}},
	{"bridge", "Where people come together about a P1: a channel of its own, or one for all of them.", []Field{
		{"war_room", plain, "each has a channel of its own", "The channel for all of them."},
		{"invite", listOf(person), "those who approve and those on the first rung", "Who is invited; not into a war room."},
	}},
	{"PagerDuty", "PagerDuty, by which people are paged.", []Field{
		{"routing_keys", mapOf(name.Pattern, object("routing key")), Required, "An integration (Events API v2) for each name that a ladder tells."},
		{"events_url", orEmpty(url), "PagerDuty's own", "The address of the Events API."},
		{"api_url", orEmpty(url), "PagerDuty's own", "The address of the REST API."},
		{"api_token_file", path, "it is not asked", "The file of a token for the REST API, by which it is asked what people did."},
		{"webhook_secret_files", listOf(path), "webhooks are not taken", "The files of the secrets of its webhooks, several while one is replaced."},
		{"changes_rung", name, "the only one there is, and of several none", "Acts are told as change events of this rung's integration."},
		{"from", plain, "none", "The e-mail address of the user in whose name incidents are moved."},
		{"escalation", object("escalation"), "each rung has a key of its own", "PagerDuty's own levels, up which one incident is moved."},
		{"dedup_key", word("own", "alertmanager"), "`own`", "Whether our pages have keys of their own, or those of Alertmanager's pages."},
		{"escalation_policy", plain, "it is not checked", "The ID of its escalation policy, for a check of what is set up."},
	}},
	{"routing key", "The key of an integration.", []Field{
		{"file", path, Required, "The file with the key."},
	}},
	{"escalation", "The levels of PagerDuty's escalation policy.", []Field{
		{"levels", mapOf(name.Pattern, count(1, 20)), Required, "The names that a ladder tells, each with its level."},
	}},
}
