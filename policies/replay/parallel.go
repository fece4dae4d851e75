package replay

import "sync"

// inParallel does n things, at most so many at a time.
func inParallel(n, atOnce int, do func(int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, max(atOnce, 1)) {
		wg.Go(func() {
			for k := range next {
				do(k)
			}
		})
	}
	for k := range n {
		next <- k
	}
	close(next)
	wg.Wait()
}
