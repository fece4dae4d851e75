// Package browser drives Debian's Chromium, so that tests see a page as people do.
//
// It speaks the DevTools protocol over the two pipes that Chromium is started
// with: there is no port that others could reach, and no library that has to keep
// up with it. Start reading at [Start].
package browser

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Browser is a Chromium with one profile, which is thrown away.
type Browser struct {
	command *exec.Cmd
	profile string
	to      *os.File
	from    *os.File
	ended   chan struct{} // closed when nothing more is answered

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
	hear    map[string]func(event) // by session
}

type answer struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

type event struct {
	ID        int
	SessionID string
	Method    string
	Params    json.RawMessage
	answer
}

// Start starts a Chromium without a window.
func Start() (*Browser, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, fmt.Errorf("chromium is not installed: make setup installs it: %w", err)
	}
	profile, err := os.MkdirTemp("", "chromium-")
	if err != nil {
		return nil, err
	}
	fromUs, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	from, fromIt, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := exec.Command(path, "--headless", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
		"--force-color-profile=srgb", "--user-data-dir="+profile, "about:blank")
	c.ExtraFiles = []*os.File{fromUs, fromIt} // descriptors 3 and 4
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	_, _ = fromUs.Close(), fromIt.Close() // it has its own
	b := &Browser{command: c, profile: profile, to: to, ended: make(chan struct{}), waiting: map[int]chan answer{}, hear: map[string]func(event){}}
	b.from = from
	go b.read()
	return b, nil
}

// Close ends it, and all the processes that it has begun.
func (b *Browser) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	_ = b.call(ctx, "", "Browser.close", nil, nil) // or else it is killed
	_ = syscall.Kill(-b.command.Process.Pid, syscall.SIGKILL)
	_ = b.command.Wait()
	_, _ = b.to.Close(), b.from.Close()
	<-b.ended
	return os.RemoveAll(b.profile)
}

func (b *Browser) read() {
	defer close(b.ended)
	r := bufio.NewReader(b.from)
	for {
		text, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var e event
		if json.Unmarshal(text[:len(text)-1], &e) != nil {
			continue
		}
		b.mu.Lock()
		waits, hear := b.waiting[e.ID], b.hear[e.SessionID]
		delete(b.waiting, e.ID)
		b.mu.Unlock()
		switch {
		case e.ID > 0 && waits != nil:
			waits <- e.answer
		case e.Method != "" && hear != nil:
			hear(e)
		}
	}
}

// call asks for something, and reads what comes back into result unless that is
// nil.
func (b *Browser) call(ctx context.Context, session, method string, params map[string]any, result any) error {
	waits := make(chan answer, 1)
	b.mu.Lock()
	b.last++
	id := b.last
	b.waiting[id] = waits
	text, err := json.Marshal(map[string]any{"id": id, "sessionId": session, "method": method, "params": params})
	if session == "" {
		text, err = json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	}
	if err == nil {
		_, err = b.to.Write(append(text, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case a := <-waits:
		if a.Error != nil {
			return fmt.Errorf("%s: %s", method, a.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(a.Result, result)
	case <-b.ended:
		return fmt.Errorf("%s: chromium has ended", method)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

// Tab is one page of the browser.
type Tab struct {
	b       *Browser
	target  string
	session string

	mu       sync.Mutex
	requests []string // addresses, of all that was asked for
	bytes    int      // that came over the network for it
	problems []string // what the console said
}

// Look is how a page is looked at.
type Look struct {
	Width, Height int
	Dark          bool
	NoScript      bool
}

// Open opens a tab.
func (b *Browser) Open(ctx context.Context, l Look) (*Tab, error) {
	var target struct{ TargetID, SessionID string }
	if err := b.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank"}, &target); err != nil {
		return nil, err
	}
	if err := b.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &target); err != nil {
		return nil, err
	}
	t := &Tab{b: b, target: target.TargetID, session: target.SessionID}
	b.mu.Lock()
	b.hear[t.session] = t.heard
	b.mu.Unlock()
	scheme := map[bool]string{true: "dark", false: "light"}[l.Dark]
	for _, c := range []struct {
		method string
		params map[string]any
	}{
		{"Page.enable", nil}, {"Runtime.enable", nil}, {"Network.enable", nil}, {"Log.enable", nil},
		{"Emulation.setDeviceMetricsOverride", map[string]any{"width": l.Width, "height": l.Height, "deviceScaleFactor": 1, "mobile": l.Width < 600}},
		{"Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}},
		{"Emulation.setScriptExecutionDisabled", map[string]any{"value": l.NoScript}},
	} {
		if err := t.call(ctx, c.method, c.params, nil); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Close closes the tab: a browser has few connections to one server, and each page
// that is live has one.
func (t *Tab) Close(ctx context.Context) error {
	return t.b.call(ctx, "", "Target.closeTarget", map[string]any{"targetId": t.target}, nil)
}

func (t *Tab) call(ctx context.Context, method string, params map[string]any, result any) error {
	return t.b.call(ctx, t.session, method, params, result)
}

func (t *Tab) heard(e event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var p struct {
		Request           struct{ URL string }
		EncodedDataLength float64
		Entry             struct{ Level, Text, URL string }
		ExceptionDetails  struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	_ = json.Unmarshal(e.Params, &p) // what is not there is empty
	switch e.Method {
	case "Network.requestWillBeSent":
		t.requests = append(t.requests, p.Request.URL)
	case "Network.loadingFinished":
		t.bytes += int(p.EncodedDataLength)
	case "Log.entryAdded":
		if p.Entry.Level == "error" {
			t.problems = append(t.problems, p.Entry.Text+" "+p.Entry.URL)
		}
	case "Runtime.exceptionThrown":
		t.problems = append(t.problems, p.ExceptionDetails.Text+" "+p.ExceptionDetails.Exception.Description)
	}
}

// Go goes to an address and waits until all of it is there.
func (t *Tab) Go(ctx context.Context, address string) error {
	t.mu.Lock()
	t.requests, t.bytes = nil, 0
	t.mu.Unlock()
	var gone struct{ ErrorText string }
	if err := t.call(ctx, "Page.navigate", map[string]any{"url": address}, &gone); err != nil {
		return err
	}
	if gone.ErrorText != "" {
		return fmt.Errorf("%s: %s", address, gone.ErrorText)
	}
	return t.Until(ctx, `document.readyState === "complete"`)
}

// Until waits until a JavaScript expression is true.
func (t *Tab) Until(ctx context.Context, expression string) error {
	var last error
	for {
		var is bool
		if last = t.Eval(ctx, "!!("+expression+")", &is); last == nil && is {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s did not come true: %w", expression, errors.Join(ctx.Err(), last))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Eval reads what a JavaScript expression comes to, once it is there if it is a
// promise, unless result is nil.
func (t *Tab) Eval(ctx context.Context, expression string, result any) error {
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	if err := t.call(ctx, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r); err != nil {
		return err
	}
	if e := r.ExceptionDetails; e != nil {
		return fmt.Errorf("%.80s: %s %s", expression, e.Text, e.Exception.Description)
	}
	if result == nil || len(r.Result.Value) == 0 {
		return nil
	}
	return json.Unmarshal(r.Result.Value, result)
}

// Press presses a key as a human does.
func (t *Tab) Press(ctx context.Context, key string) error {
	params := map[string]any{"type": "keyDown", "key": key, "text": key}
	if key == "Enter" {
		params["text"], params["windowsVirtualKeyCode"], params["code"] = "\r", 13, "Enter"
	}
	if err := t.call(ctx, "Input.dispatchKeyEvent", params, nil); err != nil {
		return err
	}
	return t.call(ctx, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key}, nil)
}

// Submit has somebody, by name where that is asked for, press the button with this
// text, as soon as there is one, and waits for the page after that.
func (t *Tab) Submit(ctx context.Context, button, by string) error {
	found := fmt.Sprintf(`[...document.querySelectorAll("button")].find((b) => b.textContent === %q)`, button)
	if err := t.Until(ctx, found); err != nil {
		return err
	}
	err := t.Eval(ctx, fmt.Sprintf(`(() => {
		const button = %s;
		const name = button.form.querySelector("[name=by]");
		if (name) name.value = %q;
		window.pressed = true;
		button.click();
	})()`, found, by), nil)
	if err != nil {
		return err
	}
	return t.Until(ctx, `!window.pressed && document.readyState === "complete"`)
}

// Text returns what the page says to somebody who has it read out.
func (t *Tab) Text(ctx context.Context) (string, error) {
	var tree struct {
		Nodes []struct {
			Role struct{ Value string }
			Name struct{ Value string }
		}
	}
	if err := t.call(ctx, "Accessibility.getFullAXTree", nil, &tree); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, n := range tree.Nodes {
		if n.Role.Value == "StaticText" {
			text.WriteString(n.Name.Value + "\n")
		}
	}
	return text.String(), nil
}

// Picture returns the whole page as PNG.
func (t *Tab) Picture(ctx context.Context) ([]byte, error) {
	var p struct{ Data string }
	if err := t.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &p); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(p.Data)
}

// Weight returns how many bytes came over the network since [Tab.Go], and from
// where.
func (t *Tab) Weight() (bytes int, addresses []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes, append([]string(nil), t.requests...)
}

// Problems returns what the console complained of since the tab was opened: what
// a content security policy forbids is there, too.
func (t *Tab) Problems() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.problems...)
}
