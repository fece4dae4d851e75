package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/x0tta6bl4/remediated/test/doubles/steer"
)

// pingEvery is how often a socket is pinged; an app takes one that is not for dead.
const pingEvery = 10 * time.Second

// Socket is one connection in Socket Mode.
type Socket struct {
	Number int `json:"number"` // from 1, in the order of their opening
}

// socket is a connection at work.
type socket struct {
	Socket
	conn    *websocket.Conn
	mu      sync.Mutex               // of writing, and of what follows
	waiting map[string]chan struct{} // by envelope_id
	gone    chan struct{}            // closed when the connection is
}

// Sockets are the connections that presses are sent by, oldest first.
func (w *Workspace) Sockets() []Socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []Socket{}
	for _, s := range w.sockets {
		all = append(all, s.Socket)
	}
	return all
}

// AwaitSockets returns the sockets once until holds for them, or with the context's error what there was by then.
func (w *Workspace) AwaitSockets(ctx context.Context, until func([]Socket) bool) ([]Socket, error) {
	return steer.Await(ctx, &w.changes, w.Sockets, until)
}

// Refresh asks the apps to open their sockets anew, as Slack does every few hours, and sends nothing by the old ones
// any more. The reason is "refresh_requested" or "warning".
func (w *Workspace) Refresh(reason string) {
	for _, s := range w.takeSockets() {
		s.write(object{"type": "disconnect", "reason": reason, "debug_info": object{"host": "double"}}) //nolint:errcheck // it is closing
	}
}

// Cut closes the sockets without a word.
func (w *Workspace) Cut() {
	for _, s := range w.takeSockets() {
		s.conn.NetConn().Close()
	}
}

func (w *Workspace) takeSockets() []*socket {
	w.mu.Lock()
	defer w.changes.Tell()
	defer w.mu.Unlock()
	all := w.sockets
	w.sockets = nil
	return all
}

// openConnection is apps.connections.open: an address that is good for one socket.
func (w *Workspace) openConnection(rw http.ResponseWriter, r *http.Request) {
	if err := w.isApp(r); err != nil {
		err.write(rw, "connections:write")
		return
	}
	w.mu.Lock()
	w.tickets++
	ticket := fmt.Sprintf("ticket-%d", w.tickets)
	w.unused = append(w.unused, ticket)
	w.mu.Unlock()
	writeJSON(rw, http.StatusOK, object{"ok": true, "url": "ws://" + r.Host + "/link/?ticket=" + ticket + "&app_id=" + AppID})
}

func (w *Workspace) isApp(r *http.Request) *refusal {
	switch r.Header.Get("Authorization") {
	case "":
		return &refusal{code: "not_authed"}
	case "Bearer " + w.options.Token:
		return &refusal{code: "not_allowed_token_type"}
	case "Bearer " + w.options.AppToken:
		return nil
	}
	return &refusal{code: "invalid_auth"}
}

// serveSocket keeps one socket until either side closes it.
func (w *Workspace) serveSocket(rw http.ResponseWriter, r *http.Request) {
	if !w.redeem(r.FormValue("ticket")) {
		http.Error(rw, "the ticket is not good, or no longer", http.StatusForbidden)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(rw, r, nil)
	if err != nil {
		return // it has been answered
	}
	defer conn.Close()
	defer context.AfterFunc(r.Context(), func() { conn.Close() })() // the double stops
	s := &socket{conn: conn, waiting: map[string]chan struct{}{}, gone: make(chan struct{})}
	if s.write(hello(1)) != nil {
		return
	}
	w.add(s)
	defer w.remove(s)
	var pinging sync.WaitGroup
	pinging.Go(s.ping)
	defer pinging.Wait()
	defer close(s.gone)
	s.read()
}

func hello(connections int) object {
	return object{"type": "hello", "num_connections": connections, "connection_info": object{"app_id": AppID},
		"debug_info": object{"host": "double", "build_number": 1, "approximate_connection_time": 18060}}
}

// redeem takes a ticket once.
func (w *Workspace) redeem(ticket string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.unused, ticket)
	if i >= 0 {
		w.unused = slices.Delete(w.unused, i, i+1)
	}
	return i >= 0
}

func (w *Workspace) add(s *socket) {
	w.mu.Lock()
	defer w.changes.Tell()
	defer w.mu.Unlock()
	w.opened++
	s.Number = w.opened
	w.sockets = append(w.sockets, s)
}

func (w *Workspace) remove(s *socket) {
	w.mu.Lock()
	defer w.changes.Tell()
	defer w.mu.Unlock()
	w.sockets = slices.DeleteFunc(w.sockets, func(other *socket) bool { return other == s })
}

// next is the socket whose turn it is, nil when there is none.
func (w *Workspace) next() *socket {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sockets) == 0 {
		return nil
	}
	w.turn++
	return w.sockets[w.turn%len(w.sockets)]
}

// send sends the payload by one of the sockets and returns what to warn of.
func (w *Workspace) send(ctx context.Context, payload []byte) (warning string) {
	s := w.next()
	if s == nil {
		return "the app is not connected"
	}
	w.mu.Lock()
	w.envelopes++
	id := fmt.Sprintf("envelope-%d", w.envelopes)
	w.mu.Unlock()
	acked := s.expect(id)
	err := s.write(object{"type": "interactive", "envelope_id": id, "accepts_response_payload": false, "payload": json.RawMessage(payload)})
	if err != nil {
		return "the app is not connected any more: " + err.Error()
	}
	select {
	case <-acked:
		return ""
	case <-s.gone:
		return "the app hung up before it acknowledged"
	case <-ctx.Done():
		return "the app did not acknowledge in time"
	}
}

// expect returns what is closed when the envelope is acknowledged by this socket.
func (s *socket) expect(envelope string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := make(chan struct{})
	s.waiting[envelope] = c
	return c
}

// read takes acknowledgements until the connection ends.
func (s *socket) read() {
	for {
		var ack struct {
			Envelope string `json:"envelope_id"`
		}
		if s.conn.ReadJSON(&ack) != nil {
			return
		}
		s.mu.Lock()
		if c, ok := s.waiting[ack.Envelope]; ok {
			close(c)
			delete(s.waiting, ack.Envelope)
		}
		s.mu.Unlock()
	}
}

func (s *socket) ping() {
	for t := time.NewTicker(pingEvery); ; {
		select {
		case <-t.C:
			s.conn.WriteControl(websocket.PingMessage, []byte("ping"), time.Now().Add(time.Second)) //nolint:errcheck // read notices
		case <-s.gone:
			t.Stop()
			return
		}
	}
}

func (s *socket) write(o object) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn.WriteJSON(o)
}
