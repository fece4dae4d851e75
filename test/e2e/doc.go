// Package e2e holds the end-to-end tests. They carry the build tag e2e and run
// inside a bed, which all of them share:
//
//	go run ./test/bed/cmd/bed run -- go test -tags e2e ./test/e2e/...
//
// There is no network in the bed: compile them before (go vet -tags e2e
// ./test/e2e/...), so that all modules are there.
package e2e
