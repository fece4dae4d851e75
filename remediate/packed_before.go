package remediate

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
)

// Before incidents were packed as they rest, a packed state was many values of JSON:
// the state without its incidents and what is known of alerts, each of these, a null,
// and each of those. It is still read.
const packedBefore = `{"format":11,"packed":"`

// knownAlert is what is known of one alert, in such a state.
type knownAlert struct {
	ID AlertID `json:"id"`
	Known
}

// unpackBefore reads such a state.
func (s *State) unpackBefore(packed []byte) error {
	values := json.NewDecoder(flate.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(packed))))
	if err := values.Decode(s); err != nil {
		return err
	}
	for {
		var i *Incident
		if err := values.Decode(&i); err != nil {
			return fmt.Errorf("after %d incidents: %w", s.Incidents.Len(), err)
		}
		if i == nil {
			break
		}
		s.Incidents.read(i)
	}
	for {
		var k knownAlert
		switch err := values.Decode(&k); err {
		case nil:
			known := k.Known // without its name
			s.Known[k.ID] = &known
		case io.EOF:
			return nil
		default:
			return fmt.Errorf("after %d known alerts: %w", len(s.Known), err)
		}
	}
}
