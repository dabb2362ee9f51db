// Connects with MongoDB's Go driver to the URI it is given, and lists what sp would.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(os.Args[1]))
	if err != nil {
		panic(err)
	}
	defer func() { _ = client.Disconnect(ctx) }()
	admin := client.Database("admin")
	var defaults bson.M
	if err := admin.RunCommand(ctx, bson.D{{Key: "listWorkspaceDefaults", Value: 1}}).Decode(&defaults); err != nil {
		panic(err)
	}
	fmt.Println(defaults["defaultTierSize"])
	refused := admin.RunCommand(ctx, bson.D{{Key: "startStreamProcessor", Value: "nobody"}}).Err()
	if e, ok := refused.(mongo.CommandError); ok {
		fmt.Println(e.Code, e.Name)
	}
}
