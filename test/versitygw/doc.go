// Package versitygw pins an S3 server that keeps buckets as folders, which Debian
// does not package: it checks signatures as S3 does.
package versitygw
