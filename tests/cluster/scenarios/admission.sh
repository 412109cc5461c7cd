# Somebody installs an admission policy with parameters: the API server asks whether he may read them.
# runs as: ops/admission
kubectl apply -f "$objects/admission.yaml"
kubectl delete -f "$objects/admission.yaml"
