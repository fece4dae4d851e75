// Package alertmanager is the program's one way to and from Alertmanager.
//
// [Intake] takes the webhooks. What it answers is chosen for what Alertmanager
// does with it: 2xx is the end of a notification, 5xx is tried again within
// the same flush, anything else is given up until the group's next flush. So a
// webhook gets its 200 only after what it says was handed over durably, 400
// only when trying again cannot help, and 503 for all that is our own trouble.
// There is no 429 and no redirect.
//
// [Client] asks. A webhook is a hint: it may come late, twice, in the wrong
// order, cut short or, once an alert is silenced, not at all. So the client
// lists at intervals what fires ([Client.Poll]) and is asked about one alert
// before anything is done about it ([Client.Answer]), or how many others fire
// ([Client.AnswerAlerts]). Several Alertmanagers are asked side by side and
// their answers merged. That an alert is not listed proves that it is resolved
// only when all of them answered and none of them started a short while ago.
//
// What suppresses an alert is looked up and put into words for people: who
// silenced it, until when and why. Silences and inhibitions of our own making
// suppress nothing here: they are no human's word to stop.
//
// The client also silences, for the time of a procedure ([Client.Silence]), and
// ends that again ([Client.Unsilence]).
//
// Both hold alerts to the same limits, so that whatever one of them took the
// other takes too.
package alertmanager
