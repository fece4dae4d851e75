// Package posture says which targets of the loaded policies would not survive
// what recovery plans assume: that a pod or a node may be lost, that a node may
// be drained, that a rollout ends, and that there is a backup to go back to.
//
// It judges facts about workloads and asks nothing itself: start reading at
// [Check].
package posture
