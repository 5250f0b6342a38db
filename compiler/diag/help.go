package diag

// Help explains a kind of finding to somebody who meets it for the first time,
// in a list of rules or behind a link. A single finding says more: its message
// names what was found, its hints what to type.
type Help struct {
	// Name is the name of the id in this package.
	Name string
	// Title says in a few words what is wrong, without a full stop.
	Title string
	// Text is what it means, why it matters and what to do: plain sentences.
	Text string
	// Level is the severity that findings of this kind have as a rule; a single
	// one may be milder.
	Level Severity
}

// Help returns what is to be said of an id, or the zero Help for one that does
// not exist.
func (id ID) Help() Help { return help[id] }

// help has an entry for each id of ids.go; a test demands it.
var help = map[ID]Help{
	// Intent files and the project.
	IntentSyntax: {"IntentSyntax", "An intent file is not the YAML that an intent set needs",
		"The file could not be read as an intent set, so none of its statements took part. Mend the YAML at the place given; kubeteus schema prints a JSON Schema that editors check against.", Error},
	IntentUnknown: {"IntentUnknown", "An unknown or repeated key, or a value of the wrong type, in an intent file",
		"Intent files are decoded strictly, because a misspelt key would otherwise silently do nothing. Correct the key or the value; kubeteus schema prints what is allowed.", Error},
	IntentDuplicate: {"IntentDuplicate", "Two intents have one name",
		"An intent's name is its identity in the lock, the policies and the reports, so that two of one name cannot be told apart. Rename one of them.", Error},
	IntentEmpty: {"IntentEmpty", "There is no intent where one is expected",
		"A folder without intent files, a file without intents or an empty statement asks for nothing, which is more often a mistake than a wish. Write a statement, or remove the file.", Error},
	IntentText: {"IntentText", "An intent file holds characters or an amount of text that is not accepted",
		"Control and bidirectional characters make a statement look different from what is read, and very large files are not statements of people. Remove the characters, or split the file.", Error},
	IntentExpect: {"IntentExpect", "An expectation names something that does not exist",
		"An expectation that is about no workload and no port would test nothing and always hold. Correct the name or the port.", Error},
	ProjectConfig: {"ProjectConfig", "kubeteus.yaml is wrong",
		"The project's settings say where manifests, guardrails and clusters are; what is not understood there is refused and not guessed. Correct the line given.", Error},
	TargetUnknown: {"TargetUnknown", "The policy API asked for cannot be written",
		"Policies are written for one API, and this program does not write the one that is named. Give a target that it lists, or leave it to auto.", Error},

	// Manifests and inventory.
	ManifestSyntax: {"ManifestSyntax", "A manifest cannot be read",
		"A manifest that does not parse may declare workloads that no statement would then cover. Mend the file, or list the manifests to be read in kubeteus.yaml.", Error},
	ManifestSkipped: {"ManifestSkipped", "Files were not read as manifests",
		"Templates, values, CI files and the like are not Kubernetes objects and were left out. Nothing is to be done, unless one of them declares workloads: then render it, or list it in kubeteus.yaml.", Note},
	ManifestTwice: {"ManifestTwice", "The same object comes from more than one place",
		"Two environments of one base, for example, declare an object twice, and the policies can only be about one of them. Choose in kubeteus.yaml, or with --manifests, which is meant.", Error},
	ManifestNamespace: {"ManifestNamespace", "An object names no namespace",
		"Policies act within a namespace, and with several intent sets it is not known whose this object is. Write its namespace in the manifest or the kustomization.", Error},
	ManifestBuild: {"ManifestBuild", "A kustomization does not build",
		"What it would deploy is unknown, so that no policy can be proven for it. Build it by hand to see the fault; plugins, remote bases and files outside of the project are never used.", Error},
	ManifestLimit: {"ManifestLimit", "A manifest is beyond what is read",
		"Sizes, depths and counts have limits, and links that leave the project and special files are not followed, because manifests may be a stranger's. Make it smaller, or leave it out in kubeteus.yaml.", Error},
	ManifestInvalid: {"ManifestInvalid", "An object that the API server would refuse",
		"A cluster would not run it as it is written, so that what is proven about it would mean nothing. Correct the field given.", Error},
	InventoryAssumed: {"InventoryAssumed", "Something about the cluster was assumed for want of an inventory",
		"Without an inventory only what the manifests show is known: which policy APIs are served and where DNS runs is taken for granted. Give a snapshot of the cluster as inventory.yaml to be sure.", Note},
	ManifestForeign: {"ManifestForeign", "A policy of an API that is not read is in force beside the policies",
		"Policies of Cilium, Calico, Antrea or the admin tiers can let pass what is proven to be closed, or close what is proven to be open, and what they say took no part in the proof. Say it in a statement where NetworkPolicy can do it, and look at such a policy yourself where it cannot.", Warning},

	// What a statement says.
	ReadWords: {"ReadWords", "Words of a statement were not understood",
		"A statement is only taken when every word of it is accounted for: a word left out could be the one that mattered. Say it in other words, split it, or let a model read it.", Error},
	ReadName: {"ReadName", "A statement names something that does not exist",
		"No workload, namespace, label or Service answers to that name, so that a policy about it would protect nothing. Correct the name, or add the manifest that declares it.", Error},
	ReadAmbiguous: {"ReadAmbiguous", "A statement has two readings",
		"Both readings fit the words and they allow different traffic; nobody but its author can say which is meant. Answer by rewording the statement.", Error},
	ReadScope: {"ReadScope", "A statement is not about who may reach whom",
		"Network policies decide which connections are possible and nothing else. Say who may reach whom, or keep the sentence out of the intents.", Error},
	ReadInstruction: {"ReadInstruction", "A statement speaks to its reader",
		"Text that tells the reader what to do, instead of saying who may reach whom, is refused: in a pull request it may be an attempt to steer a model. Leave it out.", Error},
	ReadPort: {"ReadPort", "A statement names a port that nothing listens on",
		"A rule for such a port opens or closes nothing that is known. Name the port as the manifests do, or declare it there.", Error},
	ReadNote: {"ReadNote", "What was taken for granted when a statement was read",
		"The statement left something open that has one usual meaning, and that meaning was used. Say it outright if another is meant.", Note},
	ReadMissing: {"ReadMissing", "A statement is not in the lock as it now stands",
		"Checks use the readings that were reviewed and recorded, and make none of their own. Run kubeteus compile and commit kubeteus.lock.", Error},
	ReadDisagree: {"ReadDisagree", "The lock records another meaning than the statement has",
		"Somebody or a merge changed what a sentence is taken to mean without changing the sentence. Run kubeteus compile to read it anew, and look at the difference, or correct the statement.", Error},
	ReadUnasked: {"ReadUnasked", "The model gave no answer",
		"The endpoint could not be reached, refused or ran out of time, so that the statement is unread and nothing was written. Try again later; answers already given are kept.", Error},
	ReadAnswer: {"ReadAnswer", "No answer of the model was taken",
		"Every answer named things that do not exist, contradicted the statement's words or disagreed with the others. Say the statement in plainer words, or ask another model.", Error},
	ReadTooMany: {"ReadTooMany", "A statement points at more than a model is told",
		"So many workloads fit the words that they cannot all be listed to a model. Name a namespace, a label or the workloads.", Error},
	ReadUnfounded: {"ReadUnfounded", "The lock records a reading that the statement's words do not bear out",
		"A recorded reading has to name what the sentence names; one that goes beyond it may have been edited by hand to let more pass. Read the statement anew with kubeteus compile, and look at the difference.", Error},
	ReadUnconfirmed: {"ReadUnconfirmed", "No second reader confirms a reading",
		"A model read the statement and the embedded reader, which does not understand all of it, has no vote. Compare the reading with the statement yourself when you review it.", Note},

	// What can be written.
	LowerUnsayable: {"LowerUnsayable", "The policy API cannot say what a statement asks for",
		"Policies that come close would allow more or less than was asked, so none is written. Follow the hint, which names a statement or a target that can say it.", Error},
	LowerHostNetwork: {"LowerHostNetwork", "A statement is about a workload on the host's network",
		"Such pods share their node's addresses, and policies neither select nor protect them. Take them out of the statement, or take the workload off the host's network.", Error},
	LowerUnknownCIDR: {"LowerUnknownCIDR", "Addresses of pods, Services or nodes are needed and not known",
		"Without them a rule about addresses could let in or shut out the cluster itself. Give an inventory that has them, or name workloads instead of addresses.", Error},
	LowerInForce: {"LowerInForce", "A policy in force allows what should be blocked",
		"Policies of one pod add up, and no further NetworkPolicy takes back what another one lets pass. Change or remove that policy, or change the statement.", Error},

	// Objects alone.
	ValidateObject: {"ValidateObject", "A policy that the API server would refuse",
		"The overlay would not be applied, or only half of it. Correct what the message names; a policy that this program wrote itself and that is refused is a bug of it worth reporting.", Error},
	MatchSelector: {"MatchSelector", "A selector selects no declared workload",
		"The policy, or that part of it, does nothing: often a label was renamed or misspelt. Correct the labels, or declare the workload.", Warning},
	MatchPort: {"MatchPort", "A rule names a port that nothing selected listens on",
		"The rule lets nothing pass, often because a Service's port was written where policies see the pod's. Use the port of the container.", Warning},
	MatchNamespace: {"MatchNamespace", "A namespace selector selects no namespace",
		"The rule lets nothing pass, often because a namespace was renamed or has no such label. Correct the selector, or label the namespace.", Warning},
	MatchService: {"MatchService", "A Service has no endpoints",
		"No declared workload has the labels that it selects, so that connections to it fail whatever the policies say. Correct its selector, or declare the workload.", Note},
	RegoRule: {"RegoRule", "A built-in rule about policies found something",
		"The rules that come with the program look for policies that are accepted and still do not do what they seem to. The message ends with the name of the rule.", Error},
	RegoGuardrail: {"RegoGuardrail", "A guardrail of this project is violated",
		"The project's own Rego rules forbid what the policies would do. Change the statement, or have those who own the guardrail change it.", Error},
	RegoBroken: {"RegoBroken", "A guardrail cannot be evaluated",
		"A rule that does not load, run or finish has checked nothing, so it is not taken as passed. Mend the Rego file that the message names.", Error},

	// Proof.
	VerifyContradiction: {"VerifyContradiction", "Statements exclude each other",
		"One statement asks for traffic that another forbids, so that no set of policies satisfies both. Change one of the two, which the finding names.", Error},
	VerifyFlow: {"VerifyFlow", "The policies do not do what the statements say",
		"A connection passes that should be blocked, or the reverse, by a proof over all declared workloads; nothing was written. Look at the policies that the finding names, and report it if they are the program's own.", Error},
	VerifyExpect: {"VerifyExpect", "An expectation does not hold",
		"The intent file lists a connection that has to pass or to be blocked, and the policies do otherwise. Change the statement that decides it, or the expectation.", Error},
	VerifyDeclared: {"VerifyDeclared", "A connection that the manifests declare would be cut",
		"A workload is configured to call another one and the policies would block it, which breaks it when they are applied. Allow the connection, or list it under cuts of the intent if it is to end.", Error},
	VerifyNarrowed: {"VerifyNarrowed", "One statement narrows what another allows",
		"Both are honoured: the ports that one closes are taken out of what the other opens. Nothing is to be done, unless more was meant to pass.", Note},
	VerifyRendered: {"VerifyRendered", "What is rendered for the cluster is not what the intents say",
		"A kustomization or another tool behind the overlay changed selectors or namespaces or left files out, so that what is applied lets other traffic pass than what was proven. Change what renders the overlay so that it leaves the policies as they are.", Error},

	// Lock and overlay.
	LockSyntax: {"LockSyntax", "kubeteus.lock cannot be read in full",
		"The lock holds the readings that were reviewed, and one that is damaged or half merged is not trusted. Run kubeteus compile to write it anew, and look at the difference.", Error},
	OverlayAlien: {"OverlayAlien", "A file that is not kubeteus's own is in the way",
		"The overlay's folder holds a file where a policy is to be written, and it is not overwritten. Move it away, or choose another folder with --out.", Error},
	OverlayStale: {"OverlayStale", "Overlay or lock are not what the intents say",
		"What lies in the overlay's folder, and is synced from there, is not what the intents mean now: an intent, a manifest or the inventory changed, or two branches met. Run kubeteus compile and commit what it writes.", Error},
}
