// Package probe asks the world: what the guards want to know before something
// is done, what there is to be seen before it is destroyed, and whether it
// helped after. It only reads. Every kind of question is one file and one line
// in the list of kinds.
//
// An answer says what was seen, in one line with its numbers. Not knowing
// means no: a question that could not be put, or whose answer cannot be
// understood, is answered with an error and is never taken for a good sign.
package probe
