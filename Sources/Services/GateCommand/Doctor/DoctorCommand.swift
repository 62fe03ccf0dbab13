internal import ArgumentParser
internal import GateSettings

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks for what would keep the node from working here, and says what to do about it.",
        discussion:
            "Checks settings, clock, locked memory, descriptors, files, ports and database. Fails where one fails.")
    @OptionGroup var node: NodeOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let findings = await Examination.all(of: node.path)
        if listing.json {
            printLine(try jsonText(findings))
        } else {
            for finding in findings {
                printLine("\(finding.verdict.mark) \(finding.subject): \(finding.found)")
                if let advice = finding.advice { printLine("      \(advice)") }
            }
        }
        if findings.contains(where: { $0.verdict == .bad }) { throw CommandExit.failed }
    }
}

/// One thing that doctor looked at.
struct Finding: Encodable, Equatable {
    enum Verdict: String, Encodable {
        case good
        /// Works, but not as well or as safely as it could.
        case poor
        /// Keeps the node from working.
        case bad

        var mark: String {
            switch self {
            case .good: "ok   "
            case .poor: "warn "
            case .bad: "FAIL "
            }
        }
    }

    let subject: String
    let verdict: Verdict
    /// What is the case.
    let found: String
    /// What to do.
    var advice: String?
}
