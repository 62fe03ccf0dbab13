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
    /// The plaintext of an authentic record, as a standing session follows it.
    case sessionRecords
    /// What a link between two processes of a node received.
    case linkFrames
    /// The SOCKS5 negotiation, and what its two extenders say to each other.
    case socks5
    /// Cells as a circuit's destination gets them.
    case cells
    /// Cells and regions as a relay gets them.
    case circuitHop
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
        case .sessionRecords: .immediate(SessionInput.run)
        case .linkFrames: .immediate(LinkInput.run)
        case .socks5: .immediate(Socks5Input.run)
        case .cells: .immediate(CellInput.run)
        case .circuitHop: .immediate(CircuitHopInput.run)
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
        case .sessionRecords: SessionInput.seeds
        case .linkFrames: try LinkInput.seeds()
        case .socks5: Socks5Input.seeds
        case .cells: CellInput.seeds
        case .circuitHop: CircuitHopInput.seeds
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
