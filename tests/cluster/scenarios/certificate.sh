# One certificate: asked for, approved, and signed by a signer of one's own.
# runs as: ops/certifier
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$scratch/key" -subj /CN=somebody -out "$scratch/csr" 2>/dev/null
sed "s|REQUEST|$(base64 -w0 <"$scratch/csr")|" "$objects/csr.yaml" | kubectl create -f -
kubectl certificate approve somebody
certificate=$(base64 -w0 <"$pki/ca.crt")
kubectl patch csr somebody --subresource=status --type=merge -p "{\"status\":{\"certificate\":\"$certificate\"}}"
kubectl get csr somebody
kubectl delete csr somebody
