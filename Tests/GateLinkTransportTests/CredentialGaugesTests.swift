import CoreMetrics
import GateLink
import GateLinkTransport
import GateModel
import GateTelemetry
import Testing

@Suite struct CredentialEnds {
    private let registry = PrometheusRegistry()
    private let authority: LinkAuthority

    init() throws { authority = try LinkAuthority.create(node: ownNode) }

    private func credential(_ lifetime: Duration) throws -> LinkCredential {
        try LinkCredential(authority.issue(role: .kernel, name: "kernel-1", lifetime: lifetime))
    }

    private func line(_ origin: String, _ credential: LinkCredential) -> String {
        "gate_credential_end_timestamp_seconds{origin=\"\(origin)\"} \(credential.notAfter.seconds)\n"
    }

    @Test func `are told of what was issued and of what is renewed, as they are when asked`() throws {
        let (issued, first, second) = (
            try credential(.seconds(31_536_000)), try credential(.seconds(100)), try credential(.seconds(86_400))
        )
        let renewed = LinkCredentialSource(first)
        let gauges = CredentialGauges(
            issued: LinkCredentialSource(issued), renewed: renewed, factory: registry)
        gauges.record()
        #expect(registry.text().contains(line("issued", issued)))
        #expect(registry.text().contains(line("renewed", first)))
        renewed.use(second)
        gauges.record()
        #expect(registry.text().contains(line("renewed", second)))
        #expect(!registry.text().contains(line("renewed", first)))
    }

    @Test func `of who joined nothing there is one`() throws {
        let issued = try credential(.seconds(100))
        CredentialGauges(issued: LinkCredentialSource(issued), factory: registry).record()
        #expect(registry.text().contains(line("issued", issued)))
        #expect(!registry.text().contains("renewed"))
    }
}
