package opaque_test

import (
	"crypto/rand"
	"fmt"

	"sotto/node/keys"
	"sotto/node/login/opaque"
)

// A registration and a login, without the channel that would carry the messages.
func Example() {
	secrets, err := opaque.GenerateSecrets(rand.Reader)
	if err != nil {
		panic(err)
	}
	server, err := opaque.NewServer(secrets)
	if err != nil {
		panic(err)
	}
	user, ids := []byte("alice"), opaque.Identities{Client: []byte("alice"), Server: []byte("chat.example")}
	stretch := keys.WeakForTests // the zero value is the real one

	// Alice registers her password.
	input, err := opaque.Input([]byte("correct horse"), ids)
	if err != nil {
		panic(err)
	}
	registration, request, err := opaque.StartRegistration(rand.Reader, input)
	if err != nil {
		panic(err)
	}
	response, err := server.Register(request, user)
	if err != nil {
		panic(err)
	}
	record, mine, err := registration.Finish(rand.Reader, response, ids, stretch)
	if err != nil {
		panic(err)
	}
	if err := opaque.CheckRecord(record); err != nil {
		panic(err)
	}

	// Somebody says he is Alice.
	login := func(password string) {
		context := []byte("this connection")
		input, err := opaque.Input([]byte(password), ids)
		if err != nil {
			panic(err)
		}
		login, ke1, err := opaque.StartLogin(rand.Reader, input)
		if err != nil {
			panic(err)
		}
		ke2, pending, err := server.Respond(rand.Reader, record, user, ids, context, ke1)
		if err != nil {
			panic(err)
		}
		ke3, keys, err := login.Finish(ke2, ids, context, stretch)
		if err != nil {
			fmt.Println(err)
			return
		}
		session, err := pending.Finish(ke3)
		if err != nil {
			panic(err)
		}
		fmt.Println("same session key:", session == keys.Session)
		fmt.Println("same export key:", keys.Export == mine.Export)
	}
	login("correct horse")
	login("battery staple")
	// Output:
	// same session key: true
	// same export key: true
	// wrong name or password
}
