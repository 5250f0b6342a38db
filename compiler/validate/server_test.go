package validate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// server is a kube-apiserver on loopback with an etcd of its own, both in a
// folder of the test and gone when it ends.
type server struct {
	url    string
	client *http.Client
}

// startServer starts the kube-apiserver in bin, and the etcd there or on the PATH.
func startServer(t *testing.T, bin string) *server {
	t.Helper()
	dir := t.TempDir()
	etcd := filepath.Join(bin, "etcd")
	if _, err := os.Stat(etcd); err != nil {
		if etcd, err = exec.LookPath("etcd"); err != nil {
			t.Fatal("no etcd in BIN or on the PATH")
		}
	}
	port := freePorts(t, 3)
	clients, peers := fmt.Sprintf("http://127.0.0.1:%d", port[0]), fmt.Sprintf("http://127.0.0.1:%d", port[1])
	launch(t, dir, etcd, "--name=test", "--data-dir="+filepath.Join(dir, "etcd"),
		"--listen-client-urls="+clients, "--advertise-client-urls="+clients,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=test="+peers)

	pki := newAuthority(t, dir)
	pki.issue(t, "server", pkix.Name{CommonName: "kube-apiserver"}, x509.ExtKeyUsageServerAuth)
	admin := pki.issue(t, "admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}}, x509.ExtKeyUsageClientAuth)
	file := func(name string) string { return filepath.Join(dir, name) }
	exited := launch(t, dir, filepath.Join(bin, "kube-apiserver"), "--etcd-servers="+clients,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port[2]),
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/16",
		"--authorization-mode=RBAC", "--anonymous-auth=false", "--client-ca-file="+file("ca.crt"),
		"--tls-cert-file="+file("server.crt"), "--tls-private-key-file="+file("server.key"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+file("admin.key"), "--service-account-signing-key-file="+file("admin.key"),
		"--disable-admission-plugins=ServiceAccount")

	roots := x509.NewCertPool()
	roots.AddCert(pki.cert)
	s := &server{url: fmt.Sprintf("https://127.0.0.1:%d", port[2]), client: &http.Client{Timeout: 30 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{admin}}}}}
	t.Cleanup(s.client.CloseIdleConnections)
	for deadline := time.Now().Add(2 * time.Minute); ; {
		if code, _, _, err := s.do(http.MethodGet, "/readyz", "", nil); err == nil && code == http.StatusOK {
			return s
		}
		select {
		case <-exited:
			log, _ := os.ReadFile(file("kube-apiserver.log"))
			t.Fatalf("kube-apiserver ended:\n%s", log[max(0, len(log)-4000):])
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("kube-apiserver did not get ready")
		}
	}
}

// launch starts a program that is killed when the test ends. The channel is
// closed when it has ended.
func launch(t *testing.T, dir, program string, args ...string) <-chan struct{} {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		log.Close()
		close(exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-exited
	})
	return exited
}

// freePorts returns ports that were free a moment ago.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}

// authority is a certificate authority of one test.
type authority struct {
	dir    string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
}

func newAuthority(t *testing.T, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	a.issue(t, "ca", pkix.Name{CommonName: "test-ca"}, 0)
	return a
}

// issue writes name.crt and name.key; the first is the authority's own.
func (a *authority) issue(t *testing.T, name string, subject pkix.Name, usage x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.serial++
	c := &x509.Certificate{SerialNumber: big.NewInt(a.serial), Subject: subject,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: a.cert == nil,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	parent, signer := c, key
	if a.cert != nil {
		c.KeyUsage, c.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{usage}
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		a.key = key
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for ext, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(a.dir, name+ext), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// do sends one request and returns the whole answer.
func (s *server) do(method, path, contentType string, body []byte) (int, []byte, http.Header, error) {
	r, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", "application/json")
	answer, err := s.client.Do(r)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return answer.StatusCode, data, answer.Header, err
}

// version returns what the server calls itself.
func (s *server) version(t *testing.T) string {
	t.Helper()
	_, data, _, err := s.do(http.MethodGet, "/version", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ GitVersion string }
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v.GitVersion
}

// namespace creates a namespace.
func (s *server) namespace(t *testing.T, name string) {
	t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, name)
	code, data, _, err := s.do(http.MethodPost, "/api/v1/namespaces", "application/json", []byte(body))
	if err != nil || code != http.StatusCreated && code != http.StatusConflict {
		t.Fatalf("namespace %s: %d %v %s", name, code, err, data)
	}
}

// verdict is what the server said of one document: 201 is yes. Words and Fields
// are its own, where it names them.
type verdict struct {
	Code   int      `json:"code"`
	Words  string   `json:"words,omitempty"`
	Fields []string `json:"fields,omitempty"`
}

// create has the server create an object, storage included, which a dry run
// leaves out, and removes it again. A document without a namespace goes to the
// collection of no namespace: what a client would fill in is not the server's
// verdict.
func (s *server) create(t *testing.T, namespace string, data []byte) verdict {
	t.Helper()
	path := "/apis/networking.k8s.io/v1/"
	if namespace != "" {
		path += "namespaces/" + url.PathEscape(namespace) + "/"
	}
	path += "networkpolicies"
	code, answer, header, err := s.do(http.MethodPost, path+"?fieldValidation=Strict", "application/yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	v := verdict{Code: code}
	if code == http.StatusCreated {
		for _, w := range header.Values("Warning") {
			v.Words += "warning: " + w
		}
		s.remove(t, path, answer)
		return v
	}
	var status struct {
		Message string
		Details struct {
			Name   string
			Causes []struct{ Field string }
		}
	}
	if err := json.Unmarshal(answer, &status); err != nil {
		t.Fatalf("%d %s: %v", code, answer, err)
	}
	v.Words = status.Message
	if name := status.Details.Name; bytes.Contains(data, []byte("generateName")) && !bytes.Contains(data, []byte(name)) {
		v.Words = strings.ReplaceAll(v.Words, name, "GENERATED") // another one each time
	}
	for _, c := range status.Details.Causes {
		v.Fields = append(v.Fields, c.Field)
	}
	return v
}

// remove deletes an object that was created, whatever its finalizers wait for.
func (s *server) remove(t *testing.T, collection string, created []byte) {
	t.Helper()
	var o struct{ Metadata struct{ Name string } }
	if err := json.Unmarshal(created, &o); err != nil {
		t.Fatal(err)
	}
	path := collection + "/" + url.PathEscape(o.Metadata.Name)
	if code, data, _, err := s.do(http.MethodPatch, path, "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)); err != nil || code != http.StatusOK {
		t.Fatalf("%s: finalizers: %d %v %s", path, code, err, data)
	}
	if code, data, _, err := s.do(http.MethodDelete, path, "application/json", nil); err != nil || code != http.StatusOK {
		t.Fatalf("%s: delete: %d %v %s", path, code, err, data)
	}
}
