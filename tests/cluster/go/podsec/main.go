// The Pod Security judge: Kubernetes' own library over the pods it is given, offline.
//
// JSON lines in, JSON lines out: {"pod": {...}, "asked": [["baseline", "v1.36"], ...]} to a list of one list for each level and
// version asked: the reason of every check that forbids the pod, in order; empty means allowed. A pod that does not decode is an error.
//
//	podsec -versions   the minor versions at which any check began or changed, as JSON
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type pod struct {
	Pod   corev1.Pod
	Asked [][2]string
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	checks := policy.DefaultChecks()
	if len(os.Args) == 2 && os.Args[1] == "-versions" {
		write(out, versions(checks))
		return
	}
	evaluator, err := policy.NewEvaluator(checks, nil)
	must(err)
	for decoder := json.NewDecoder(bufio.NewReaderSize(os.Stdin, 1<<20)); decoder.More(); {
		var one pod
		must(decoder.Decode(&one))
		judged := [][]string{}
		for _, asked := range one.Asked {
			version, err := api.ParseVersion(asked[1])
			must(err)
			level, err := api.ParseLevel(asked[0])
			must(err)
			forbidden := []string{}
			for _, result := range evaluator.EvaluatePod(api.LevelVersion{Level: level, Version: version}, &one.Pod.ObjectMeta, &one.Pod.Spec) {
				if !result.Allowed {
					forbidden = append(forbidden, result.ForbiddenReason)
				}
			}
			judged = append(judged, forbidden)
		}
		write(out, judged)
	}
}

func versions(checks []policy.Check) []int {
	minors := []int{}
	for _, check := range checks {
		for _, versioned := range check.Versions {
			minors = append(minors, versioned.MinimumVersion.Minor())
		}
	}
	slices.Sort(minors)
	return slices.Compact(minors)
}

func write(out *bufio.Writer, value any) {
	line, err := json.Marshal(value)
	must(err)
	_, err = out.Write(append(line, '\n'))
	must(err)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
