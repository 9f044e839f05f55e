// Sottod is the Sotto server: it keeps sealed messages that it cannot read.
//
//	sottod -n          make a server with the users Alice, Bob, Charlie and Eve
//	sottod -sp 5000    serve on 127.0.0.1:5000
//
// Run sottod -h for the manual page. The server itself is node/server, its
// state folder node/server/deployment; here are the command line, signals and
// what is said to a person when something fails.
package main
