package diag

// ID names a kind of finding for good: an id is never given a second meaning.
// KT1xxx is about intent files and the project, KT2xxx about manifests and
// inventory, KT3xxx about what a statement says, KT4xxx about what can be
// written, KT5xxx about objects alone, KT6xxx about proof, KT7xxx about the
// lock and the overlay.
type ID string

const (
	// Intent files and the project.
	IntentSyntax    ID = "KT1001" // the file is not the YAML that an intent set needs
	IntentUnknown   ID = "KT1002" // unknown or duplicate key, wrong type
	IntentDuplicate ID = "KT1003" // two intents of one name
	IntentEmpty     ID = "KT1004" // no intent, no file, empty statement
	IntentText      ID = "KT1005" // control or bidirectional characters, size
	IntentExpect    ID = "KT1006" // an expectation that names nothing
	ProjectConfig   ID = "KT1010" // kubeteus.yaml
	TargetUnknown   ID = "KT1011" // target that is not written yet

	// Manifests and inventory.
	ManifestSyntax    ID = "KT2001" // a manifest does not parse
	ManifestSkipped   ID = "KT2002" // files that were not read, one note per kind
	ManifestTwice     ID = "KT2003" // the same object from two roots
	ManifestNamespace ID = "KT2004" // object without a namespace
	ManifestBuild     ID = "KT2005" // a kustomization does not build
	ManifestLimit     ID = "KT2006" // size, depth, count, symlink, no regular file
	ManifestInvalid   ID = "KT2007" // an object that the API server would refuse
	InventoryAssumed  ID = "KT2010" // something assumed for want of an inventory
	ManifestForeign   ID = "KT2011" // a policy of an API that is not read

	// What a statement says.
	ReadWords       ID = "KT3001" // words that were not understood
	ReadName        ID = "KT3002" // a name that nothing has
	ReadAmbiguous   ID = "KT3003" // two readings
	ReadScope       ID = "KT3004" // nothing to do with who reaches whom
	ReadInstruction ID = "KT3005" // an instruction addressed to the reader
	ReadPort        ID = "KT3006" // a port that nothing listens on
	ReadNote        ID = "KT3007" // what the reader took for granted
	ReadMissing     ID = "KT3008" // not in the lock, and no reader may run
	ReadDisagree    ID = "KT3009" // the lock says something else than the statement
	ReadUnasked     ID = "KT3010" // the model gave no answer
	ReadAnswer      ID = "KT3011" // no answer of the model was taken
	ReadTooMany     ID = "KT3012" // what a statement points at is more than a model is told
	ReadUnfounded   ID = "KT3013" // the lock records a reading that the statement's words do not bear out
	ReadUnconfirmed ID = "KT3014" // a reading that the embedded reader has no vote on

	// What can be written.
	LowerUnsayable   ID = "KT4001" // the target cannot say it
	LowerHostNetwork ID = "KT4002" // a host-network workload
	LowerUnknownCIDR ID = "KT4003" // pod, service or node addresses are needed and unknown
	LowerInForce     ID = "KT4004" // a policy in force allows what should be blocked

	// Objects alone.
	ValidateObject ID = "KT5001" // an object that the API server would refuse
	MatchSelector  ID = "KT5002" // a selector that selects no declared workload
	MatchPort      ID = "KT5003" // a port that nothing selected listens on
	MatchNamespace ID = "KT5004" // a namespace selector that selects none
	MatchService   ID = "KT5005" // a Service without endpoints
	RegoRule       ID = "KT5010" // what a built-in Rego rule found
	RegoGuardrail  ID = "KT5011" // what a guardrail of the user found
	RegoBroken     ID = "KT5012" // a guardrail that does not load, run or finish

	// Proof.
	VerifyContradiction ID = "KT6001" // intents that exclude each other
	VerifyFlow          ID = "KT6002" // a flow that is not what the rules want
	VerifyExpect        ID = "KT6003" // an expectation that does not hold
	VerifyDeclared      ID = "KT6004" // a declared connection would be cut
	VerifyNarrowed      ID = "KT6005" // an allow narrowed by a close
	VerifyRendered      ID = "KT6006" // what is rendered is not what the intents say

	// Lock and overlay.
	LockSyntax   ID = "KT7001" // kubeteus.lock does not parse
	OverlayAlien ID = "KT7004" // a file in the way that is not kubeteus's own
	OverlayStale ID = "KT7005" // overlay or lock on disk are not what the intents say
)
