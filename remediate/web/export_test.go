package web

// Routes returns "METHOD path" of everything that can be asked for.
func Routes() []string {
	var all []string
	for _, r := range new(server).routes() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}
