// Writes facts about vulnerabilities into a database of the form that Trivy reads.
//
// usage: trivy-database DATABASE < ROWS
//
// A row is a line of JSON: {"p": [bucket, bucket inside it?], "k": key, "v": any JSON}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
)

type row struct {
	Buckets []string        `json:"p"`
	Key     string          `json:"k"`
	Value   json.RawMessage `json:"v"`
}

func write(path string) error {
	database, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	defer database.Close()
	return database.Update(func(transaction *bolt.Tx) error {
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var one row
			if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
				return fmt.Errorf("%q: %w", lines.Text(), err)
			}
			bucket, err := transaction.CreateBucketIfNotExists([]byte(one.Buckets[0]))
			for _, name := range one.Buckets[1:] {
				if err == nil {
					bucket, err = bucket.CreateBucketIfNotExists([]byte(name))
				}
			}
			if err == nil {
				err = bucket.Put([]byte(one.Key), one.Value)
			}
			if err != nil {
				return fmt.Errorf("%q: %w", lines.Text(), err)
			}
		}
		return lines.Err()
	})
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: trivy-database DATABASE < ROWS")
		os.Exit(64)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
