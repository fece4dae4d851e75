package bed

// redisIP is the address of whichever pod runs Redis. The server has no state
// outside of its pod: the manifest says it all.
const redisIP = "10.244.0.11"
