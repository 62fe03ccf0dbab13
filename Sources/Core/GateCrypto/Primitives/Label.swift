/// Every domain label of the protocol: what keeps a key, signature or hash made for one purpose from serving another.
///
/// In a derivation or signature a label stands as one length byte and its ASCII text, so no label is another's prefix.
package enum Label: String, CaseIterable, Sendable {
    // Identity
    case node = "QuantumGate node v1"
    case workerCertificate = "QuantumGate worker certificate v1"
    case nodeRecord = "QuantumGate node record v1"
    case workerPossession = "QuantumGate worker possession v1"
    case workerPostQuantumPossession = "QuantumGate worker post-quantum possession v1"

    // Flights
    case flight = "QuantumGate flight v1"
    case flightSecret = "QuantumGate flight secret v1"
    case handshakeSecret = "QuantumGate handshake secret v1"
    case puzzle = "QuantumGate puzzle v1"
    case sharedSecretPassphrase = "QuantumGate shared secret passphrase v1"

    // Sessions
    case session = "QuantumGate session v1"
    case root = "QuantumGate root v1"
    case recordKey = "QuantumGate record key v1"
    case lengthKey = "QuantumGate length key v1"
    case resumption = "QuantumGate resumption v1"
    case resumptionProof = "QuantumGate resumption proof v1"
    case exporter = "QuantumGate exporter v1"
    case keyUpdate = "QuantumGate key update v1"
    case postQuantumResponder = "QuantumGate post-quantum responder v1"
    case postQuantumInitiator = "QuantumGate post-quantum initiator v1"

    // Circuits
    case cellForward = "QuantumGate cell forward v1"
    case cellBackward = "QuantumGate cell backward v1"

    // At rest
    case vaultIdentity = "QuantumGate vault identity v1"
    case vaultSharedSecret = "QuantumGate vault shared secret v1"
    case vaultLinkAuthority = "QuantumGate vault link authority v1"
    case vaultExport = "QuantumGate vault export v1"
    case vaultResumption = "QuantumGate vault resumption v1"

    /// Length byte and text, as derivations and signatures begin.
    package var bytes: [UInt8] { [UInt8(rawValue.utf8.count)] + rawValue.utf8 }
}
