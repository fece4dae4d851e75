package pagerduty

import (
	"fmt"
	"net/http"
	"slices"
)

// User is a person of the account.
type User struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// DefaultUsers are three people and the one in whose name a machine may act.
func DefaultUsers() []User {
	return []User{
		{"PANNA00", "Anna", "anna@example.com"}, {"PBORIS0", "Boris", "boris@example.com"}, {"PCLARA0", "Clara", "clara@example.com"},
		{"PBOT000", "Remediated", "remediated@example.com"},
	}
}

// Policy is an escalation policy.
type Policy struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Loops  int     `json:"loops"` // how often it begins again
	Levels []Level `json:"levels"`
}

// Level is one rule of a policy: who is notified, and after how many minutes the next level is.
type Level struct {
	Minutes int      `json:"minutes"`
	Users   []string `json:"users"` // IDs
}

// onePerLevel is the policy of an account that says nothing about it. The last of the default users is a machine.
func onePerLevel(users []User) Policy {
	p := Policy{ID: "PPOLICY", Name: "Default"}
	for _, u := range users[:min(len(users), 3)] {
		p.Levels = append(p.Levels, Level{Minutes: 60, Users: []string{u.ID}})
	}
	return p
}

// service is where the events of one routing key go.
type service struct {
	number     int // from 1
	routingKey string
	policy     Policy
}

func (a *Account) services() []service {
	var all []service
	for n, key := range a.options.RoutingKeys {
		policy := a.options.Policies[min(n, len(a.options.Policies)-1)]
		all = append(all, service{number: n + 1, routingKey: key, policy: policy})
	}
	return all
}

func (a *Account) serviceOf(i *Incident) service {
	return a.services()[slices.Index(a.options.RoutingKeys, i.RoutingKey)]
}

func (s service) id() string   { return fmt.Sprintf("PSVC%03d", s.number) }
func (s service) name() string { return fmt.Sprintf("service %d", s.number) }

// agent is who acts when an integration sends an event.
func (s service) agent() *Agent { return &Agent{s.id(), serviceAgent, s.name()} }

// namesAt is who is at the incident's level.
func (a *Account) namesAt(i *Incident) []string {
	var names []string
	for _, u := range a.usersAt(i) {
		names = append(names, u.Name)
	}
	return names
}

func (a *Account) usersAt(i *Incident) []User {
	levels := a.serviceOf(i).policy.Levels
	if i.Level > len(levels) {
		return nil
	}
	var found []User
	for _, id := range levels[i.Level-1].Users {
		if u, ok := a.user(id); ok {
			found = append(found, u)
		}
	}
	return found
}

// user is the person with the ID, the name or the address.
func (a *Account) user(who string) (User, bool) {
	at := slices.IndexFunc(a.options.Users, func(u User) bool { return who != "" && (u.ID == who || u.Name == who || u.Email == who) })
	if at < 0 {
		return User{}, false
	}
	return a.options.Users[at], true
}

func (u User) agent() *Agent { return &Agent{u.ID, userAgent, u.Name} }

// listServices answers GET /services.
func (a *Account) listServices(w http.ResponseWriter, r *http.Request) {
	p, problem := a.readQuery(r, "query", "name", "team_ids[]", "time_zone", "sort_by", "include[]")
	if problem != "" {
		refuseInput(w, problem)
		return
	}
	whole := slices.Contains(r.URL.Query()["include[]"], "integrations")
	all := []object{}
	for _, s := range a.services() {
		if name := r.URL.Query().Get("name"); name == "" || name == s.name() {
			all = append(all, s.render(whole))
		}
	}
	p.write(w, "services", all)
}

// showPolicy answers GET /escalation_policies/{id}.
func (a *Account) showPolicy(w http.ResponseWriter, r *http.Request) {
	if problem := a.checkQuery(r.URL.Query(), "include[]"); problem != "" {
		refuseInput(w, problem)
		return
	}
	at := slices.IndexFunc(a.options.Policies, func(p Policy) bool { return p.ID == r.PathValue("id") })
	if at < 0 {
		refuseREST(w, http.StatusNotFound, 2100, "Not Found")
		return
	}
	writeJSON(w, http.StatusOK, object{"escalation_policy": a.renderPolicy(a.options.Policies[at])})
}

func (a *Account) renderPolicy(p Policy) object {
	rules := []object{}
	for n, level := range p.Levels {
		targets := []object{}
		for _, id := range level.Users {
			u, _ := a.user(id) // a user who was deleted has no name
			targets = append(targets, reference("user_reference", id, u.Name))
		}
		rules = append(rules, object{"id": fmt.Sprintf("PRULE%02d", n+1), "escalation_delay_in_minutes": level.Minutes, "targets": targets})
	}
	return object{"id": p.ID, "type": "escalation_policy", "summary": p.Name, "name": p.Name, "num_loops": p.Loops,
		"escalation_rules": rules, "services": []object{}, "teams": []object{}}
}

// render is the service; its integration with its key only if it is asked for.
func (s service) render(whole bool) object {
	integration := reference("events_api_v2_inbound_integration_reference", fmt.Sprintf("PINT%03d", s.number), "Events API v2")
	if whole {
		integration["type"], integration["integration_key"] = "events_api_v2_inbound_integration", s.routingKey
	}
	return object{"id": s.id(), "type": "service", "summary": s.name(), "name": s.name(), "status": "active",
		"auto_resolve_timeout": nil, "acknowledgement_timeout": nil, "integrations": []object{integration},
		"escalation_policy": reference("escalation_policy_reference", s.policy.ID, s.policy.Name), "teams": []object{}}
}

func reference(kind, id, summary string) object {
	return object{"id": id, "type": kind, "summary": summary}
}
