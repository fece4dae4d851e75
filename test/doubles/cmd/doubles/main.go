// Command doubles serves doubles of Slack and PagerDuty for tests until it is told to stop by SIGTERM or SIGINT.
//
// Once both listen it prints two lines to standard output, "slack <base URL>" and "pagerduty <base URL>".
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"

	"github.com/x0tta6bl4/remediated/test/doubles"
	"github.com/x0tta6bl4/remediated/test/doubles/slack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "doubles:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	s, err := doubles.Start(o)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "slack %s\npagerduty %s\n", s.SlackURL, s.PagerDutyURL)
	<-ctx.Done()
	return s.Close()
}

func parse(args []string) (doubles.Options, error) {
	var o doubles.Options
	var channels, users []string
	var strict bool
	app := kingpin.New("doubles", "Doubles of Slack and PagerDuty for tests.")
	app.Flag("slack.listen-address", "Loopback address of the double of Slack.").Default("127.0.0.1:0").
		StringVar(&o.SlackAddress)
	app.Flag("slack.token", "Bot token that calls must carry.").StringVar(&o.Slack.Token)
	app.Flag("slack.channel", "A channel as ID=name. May be repeated.").StringsVar(&channels)
	app.Flag("slack.app-token", "Token that opens sockets.").StringVar(&o.Slack.AppToken)
	app.Flag("slack.request-url", "Where presses of buttons are delivered; by socket without it.").StringVar(&o.Slack.RequestURL)
	app.Flag("slack.signing-secret", "Secret that presses are signed with.").StringVar(&o.Slack.SigningSecret)
	app.Flag("slack.user", "A person as ID=name. May be repeated.").StringsVar(&users)
	app.Flag("slack.post-interval", "Least time between two messages in a channel; 0 for no limit.").
		DurationVar(&o.Slack.PostInterval)
	app.Flag("pagerduty.listen-address", "Loopback address of the double of PagerDuty.").Default("127.0.0.1:0").
		StringVar(&o.PagerDutyAddress)
	app.Flag("pagerduty.routing-key", "A routing key that events are accepted for. May be repeated.").
		StringsVar(&o.PagerDuty.RoutingKeys)
	app.Flag("pagerduty.token", "Key of the REST API.").StringVar(&o.PagerDuty.Token)
	app.Flag("pagerduty.events-per-minute", "Most events of a routing key in a minute; 0 for no limit.").
		IntVar(&o.PagerDuty.EventsPerMinute)
	app.Flag("pagerduty.requests-per-minute", "Most requests of the REST API in a minute; 0 for no limit.").
		IntVar(&o.PagerDuty.RequestsPerMinute)
	app.Flag("pagerduty.lag", "How long an incident cannot be found after its trigger.").DurationVar(&o.PagerDuty.Lag)
	app.Flag("pagerduty.webhook-url", "Where webhooks go.").StringVar(&o.PagerDuty.Webhook.URL)
	app.Flag("pagerduty.webhook-secret", "A secret that signs webhooks. May be repeated.").
		StringsVar(&o.PagerDuty.Webhook.Secrets)
	app.Flag("strict", "Refuse arguments and fields that the real ones ignore.").BoolVar(&strict)
	if _, err := app.Parse(args); err != nil {
		return o, err
	}
	o.Slack.Strict, o.PagerDuty.Strict = strict, strict
	for _, text := range channels {
		id, name, ok := strings.Cut(text, "=")
		if !ok {
			return o, fmt.Errorf("--slack.channel=%s: want ID=name", text)
		}
		o.Slack.Channels = append(o.Slack.Channels, slack.Channel{ID: id, Name: name})
	}
	for _, text := range users {
		id, name, ok := strings.Cut(text, "=")
		if !ok {
			return o, fmt.Errorf("--slack.user=%s: want ID=name", text)
		}
		o.Slack.Users = append(o.Slack.Users, slack.User{ID: id, Name: name})
	}
	return o, nil
}
