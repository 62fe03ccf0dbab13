/// A decoder or machine that reads what others wrote, as it is given arbitrary bytes.
///
/// The fuzz program searches for inputs that break one; the replay tests run what was found, honest inputs and changes
/// of them. An entry ends the process where something does not hold that must hold for every input.
package enum FuzzEntry: String, CaseIterable, Sendable {
    /// The plaintext of a peer's record as messages.
    case wireMessages
    /// The opened header of a handshake's flight.
    case flightHeader
    /// The three flights of the peer handshake, replaced or changed on their way.
    case handshakeFlights
    /// What a worker's own payload says in a handshake: certificate, signature, proof of resumption.
    case handshakePayloads
    /// The plaintext of an authentic record, as a standing session follows it.
    case sessionRecords
    /// Records changed on their way, in reads of any size.
    case recordBytes
    /// Authentic records of a session while its keys are replaced.
    case keyUpdates
    /// Compressed messages, and what is to be compressed.
    case compression
    /// What a link between two processes of a node received.
    case linkFrames
    /// Frames before a link is open, to either side.
    case linkOpenings
    /// The SOCKS5 negotiation, and what its two extenders say to each other.
    case socks5
    /// Cells as a circuit's destination gets them.
    case cells
    /// Cells and regions as a relay gets them.
    case circuitHop
    /// Cells and regions as a circuit's origin gets them.
    case circuitOrigin
    /// Identity bundles, workers' certificates and nodes' records.
    case certificates
    /// Messages of a Noise handshake.
    case noiseMessages
    /// Requests to the database service, of every role.
    case storeRequests
    /// An export of a node: sealed bytes, or the content inside.
    case nodeExport
    /// Texts that name nodes, endpoints, links and addresses.
    case peerCards
    /// The local settings file.
    case settingsText
    /// What a balancer puts before a connection's first byte.
    case proxyHeader

    /// How an entry is run.
    package enum Body: Sendable {
        case immediate(@Sendable ([UInt8]) -> Void)
        case suspending(@Sendable ([UInt8]) async -> Void)
    }

    /// What is done with the bytes.
    package var body: Body {
        switch self {
        case .wireMessages: .immediate(WireMessageInput.run)
        case .flightHeader: .immediate(FlightHeaderInput.run)
        case .handshakeFlights: .immediate(HandshakeInput.run)
        case .handshakePayloads: .immediate(HandshakePayloadInput.run)
        case .sessionRecords: .immediate(SessionInput.run)
        case .recordBytes: .immediate(RecordInput.run)
        case .keyUpdates: .immediate(KeyUpdateInput.run)
        case .compression: .immediate(CompressionInput.run)
        case .linkFrames: .immediate(LinkInput.run)
        case .linkOpenings: .immediate(LinkOpeningInput.run)
        case .socks5: .immediate(Socks5Input.run)
        case .cells: .immediate(CellInput.run)
        case .circuitHop: .immediate(CircuitHopInput.run)
        case .circuitOrigin: .immediate(CircuitOriginInput.run)
        case .certificates: .immediate(CertificateInput.run)
        case .noiseMessages: .immediate(NoiseInput.run)
        case .storeRequests: .suspending(StoreInput.run)
        case .nodeExport: .suspending(NodeExportInput.run)
        case .peerCards: .immediate(NameInput.run)
        case .settingsText: .suspending(SettingsInput.run)
        case .proxyHeader: .immediate(ProxyHeaderInput.run)
        }
    }

    /// Gives the entry these bytes.
    package func run(_ bytes: [UInt8]) async {
        switch body {
        case .immediate(let body): body(bytes)
        case .suspending(let body): await body(bytes)
        }
    }

    /// Inputs that honest parties make, with randomness that comes back: what a search starts from.
    package func seeds() async throws -> [[UInt8]] {
        switch self {
        case .wireMessages: WireMessageInput.seeds
        case .flightHeader: FlightHeaderInput.seeds
        case .handshakeFlights: HandshakeInput.seeds
        case .handshakePayloads: HandshakePayloadInput.seeds
        case .sessionRecords: SessionInput.seeds
        case .recordBytes: RecordInput.seeds
        case .keyUpdates: KeyUpdateInput.seeds
        case .compression: CompressionInput.seeds
        case .linkFrames: try LinkInput.seeds()
        case .linkOpenings: try LinkOpeningInput.seeds()
        case .socks5: Socks5Input.seeds
        case .cells: CellInput.seeds
        case .circuitHop: CircuitHopInput.seeds
        case .circuitOrigin: CircuitOriginInput.seeds
        case .certificates: CertificateInput.seeds
        case .noiseMessages: try NoiseInput.seeds()
        case .storeRequests: try await StoreInput.seeds()
        case .nodeExport: try await NodeExportInput.seeds()
        case .peerCards: NameInput.seeds
        case .settingsText: SettingsInput.seeds
        case .proxyHeader: ProxyHeaderInput.seeds
        }
    }
}
