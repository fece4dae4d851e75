// Package e2e holds the end-to-end tests. They carry the build tag e2e and run
// inside a bed, which all of them share:
//
//	go run ./test/bed/cmd/bed run -- go test -tags e2e ./test/e2e/...
package e2e
