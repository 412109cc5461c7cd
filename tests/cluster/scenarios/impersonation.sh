# A console acts for people and for an account; what they may do themselves is theirs.
# runs as: ops/console
kubectl -n shop get pods --as=jane --as-group=developers
kubectl -n shop get configmap web-settings --as=system:serviceaccount:shop:web
kubectl auth whoami --as=jane --as-group=developers --as-uid=7 --as-user-extra=reason=support
