"""The inventory of intents: what a callee may mean in one turn, and where it counts.

Names are English identifiers in every language; templates, rules, examples and
measurements use them.
"""

from __future__ import annotations

#: Legal and care intents: they mean the same whatever was asked.
LEGAL = frozenset(
    {
        "stop_calling",
        "wrong_number",
        "want_person",
        "are_you_robot",
        "complaint",
        "fraud_suspicion",
        "ask_who",
        "ask_data_source",
        "recording_objection",
        "attorney",
        "deceased",
        "distress",
    }
)
#: Intents about the talk itself.
TALK = frozenset(
    {
        "abuse",
        "repeat_please",
        "speak_slower",
        "wait_moment",
        "busy_now",
        "callback_time",
        "greeting",
        "back_channel",
        "goodbye",
    }
)
ALWAYS = LEGAL | TALK  #: "A": admissible in every stage
IDENTITY = frozenset({"identity_yes", "identity_no", "person_absent", "third_party"})
MATTER = frozenset(
    {
        "yes",
        "no",
        "unsure",
        "dispute_debt",
        "already_paid",
        "ask_amount",
        "ask_details",
        "ask_creditor",
        "ask_rights",
        "ask_consequence",
        "ask_mediation",
        "ask_options",
        "ask_discount",
        "cannot_pay",
        "refuse_pay",
        "promise_pay",
        "ask_how_to_pay",
    }
)
PROPOSE = frozenset({"propose_amount", "propose_date"})
#: What is admissible in a stage beside ALWAYS.
STAGED: dict[int, frozenset[str]] = {
    1: IDENTITY,
    2: MATTER,
    3: MATTER | PROPOSE,
    4: MATTER | PROPOSE | {"choose_option"},
    5: MATTER | PROPOSE | {"choose_option"},
}
INTENTS = frozenset.union(ALWAYS, *STAGED.values()) | {"unknown"}
#: What may be understood in a stage.
STAGES = {stage: ALWAYS | also | {"unknown"} for stage, also in STAGED.items()}
