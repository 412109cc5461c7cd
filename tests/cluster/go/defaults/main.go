// The API server's own defaulting of pods, offline: JSON lines of pods in, the same pods with every default filled in out.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	defaults "k8s.io/kubernetes/pkg/apis/core/v1"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for decoder := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20)); decoder.More(); {
		var pod corev1.Pod
		must(decoder.Decode(&pod))
		defaults.SetObjectDefaults_Pod(&pod)
		must(encoder.Encode(&pod))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
