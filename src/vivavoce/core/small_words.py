"""Small words that tell where a sentence may be cut, in the languages of most answers; all in small letters."""

import re


def _words(*listed: str) -> frozenset[str]:
    return frozenset("|".join(listed).split("|"))


ABBREVIATIONS = _words(
    "mr|mrs|ms|mx|dr|prof|rev|hon|st|mt|ft|gen|col|lt|sgt|capt|cmdr|adm|gov|sen|rep|jr|sr|vs|approx|dept|est|"
    "inc|ltd|co|corp|bros|cf|al|viz|ave|blvd|rd|apt|tel|oz|lb|lbs|tbsp|tsp|min|max|bzw|ca|evtl|ggf|vgl|inkl|str|hr|"
    "hrn|fr|geb|dipl|mio|mrd|mme|mlle|sra|srta|dra|avda|ee|ej|sig|dott|avv|ing|dhr|mevr|drs|messrs|ul|np|mgr|inż|św|др|"
    "проф|акад|тыс|ул|डॉ|श्री|सुश्री|प्रो|रु"
)
"""Without their dot."""
CONJUNCTIONS = _words(
    "and|but|or|nor|because|although|while|if|unless|und|oder|aber|denn|weil|wenn|dass|et|ou|mais|parce|y|pero|porque"
)
"""Begin a phrase of their own, and are never its last word."""
BEGINNERS = CONJUNCTIONS | _words(
    "since|though|when|where|which|that|who|whom|whose|until|than|before|after|as|in|on|at|with|from|for|by|about|into|"
    "through|during|without|under|over|between|across|near|around|behind|als|mit|bei|nach|für|von|vom|aus|auf|während|"
    "qui|dans|avec|pour|sur|chez|depuis|pendant|cuando|con|para|por|desde|sin|entre"
)
"""Begin a phrase, before which a reader may breathe; not "of", "to", or an article elsewhere."""
LEANERS = _words(
    "a|an|the|of|to|my|your|his|her|its|our|their|this|that|these|those|is|are|was|were|be|very|too|so|not|no|as|in|on|"
    "at|with|from|for|by|and|or|but|der|die|das|den|dem|des|ein|eine|einen|einem|einer|zu|le|la|les|un|une|des|du|de|"
    "el|los|las|una|del|al|que|qui|où|quand|si"
)
"""Lean on the one after them: a cut there is heard."""
VERBS = _words("is|are|was|were|has|have|had|can|could|will|would|must|should|may|might|do|does|did|ist|sind|est")
"""Begin what is said of a subject, unless that is a word which they lean on."""
SUBJECTS = _words("i|you|he|she|it|we|they|who|which|what|where|when|how|why|there|here|also|never|er|sie|es|il|elle")
"""Of which they say it."""
BEFORE_NUMBER = re.compile(
    "nos?|nr|n[uú]ms?|vol|bd|figs?|abb|kap|pp|págs?|стр|рис|кв|art|sect?|ch|eq|op|ext|kl|env|jan|janv|"
    "ene|feb|févr|mar|mär|apr|abr|avr|jun|jul|juil|aug|sept?|o[ck]t|nov|de[cz]|déc|dic"
)
"""Shortened, with a dot, only where a number follows."""
BEFORE_ORDINALS = _words("am|der|die|das|den|dem|des|im|ab|bis|seit|vom|zum|zur|und|og")
"""Before a number whose dot ends no sentence: am 3. Mai."""
