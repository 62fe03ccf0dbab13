package import CoreMetrics
import GateModel

/// Tells when the link credentials of a process end, so that an alert can warn ahead: the gauge
/// `gate_credential_end_timestamp_seconds`, Unix time. Its label `origin` says who sees to the next credential: `issued`,
/// the operator, who made this one for a year (or `--days`); `renewed`, the process itself, which has one for a day.
package struct CredentialGauges: Sendable {
    private let kinds: [(source: LinkCredentialSource, gauge: Gauge)]

    /// - Parameters:
    ///   - issued: what was issued by hand, from which the process joined, if it did.
    ///   - renewed: what a process that joined has and renews; `nil` for others.
    package init(
        issued: LinkCredentialSource, renewed: LinkCredentialSource? = nil,
        factory: any MetricsFactory = MetricsSystem.factory
    ) {
        let sources = [("issued", issued)] + (renewed.map { [("renewed", $0)] } ?? [])
        kinds = sources.map { origin, source in
            (
                source,
                Gauge(
                    label: "gate.credential.end.timestamp.seconds", dimensions: [("origin", origin)], factory: factory)
            )
        }
    }

    /// Takes the ends of the credentials as they are now: a folder that has changed is read again.
    package func record() {
        for (source, gauge) in kinds { gauge.record(source.current().notAfter.seconds) }
    }
}
