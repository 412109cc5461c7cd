// The judge of NetworkPolicies: for every folder of manifests named on standard input, one a line, the connections that
// netpol-analyzer allows, one line of JSON each.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/np-guard/netpol-analyzer/pkg/netpol/connlist"
)

type connection struct {
	Src   string                `json:"src"`
	Dst   string                `json:"dst"`
	All   bool                  `json:"all"`
	Ports map[string][][2]int64 `json:"ports"`
}

type answer struct {
	Folder      string       `json:"folder"`
	Connections []connection `json:"connections"`
	Peers       []string     `json:"peers"`
	Error       string       `json:"error"`
}

func name(peer connlist.Peer) string {
	if peer.IsPeerIPType() {
		return peer.IP()
	}
	return peer.String()
}

func judge(folder string) answer {
	answer := answer{Folder: folder, Connections: []connection{}, Peers: []string{}}
	analyzer := connlist.NewConnlistAnalyzer(connlist.WithMuteErrsAndWarns())
	connections, peers, err := analyzer.ConnlistFromDirPath(folder)
	if err != nil {
		answer.Error = err.Error()
		return answer
	}
	for _, found := range analyzer.Errors() {
		if found.IsFatal() || found.IsSevere() {
			answer.Error = found.Error().Error()
			return answer
		}
	}
	for _, peer := range peers {
		answer.Peers = append(answer.Peers, name(peer))
	}
	for _, found := range connections {
		ports := map[string][][2]int64{}
		for protocol, ranges := range found.ProtocolsAndPorts() {
			for _, one := range ranges {
				ports[string(protocol)] = append(ports[string(protocol)], [2]int64{one.Start(), one.End()})
			}
		}
		answer.Connections = append(answer.Connections, connection{name(found.Src()), name(found.Dst()), found.AllProtocolsAndPorts(), ports})
	}
	return answer
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		text, err := json.Marshal(judge(lines.Text()))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		out.Write(text)
		out.WriteByte('\n')
	}
}
