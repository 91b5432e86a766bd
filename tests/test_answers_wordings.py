"""What models say around a text, and in its stead, in the words of today's models and in seventeen languages."""

import pytest

from standin.generation.parsing import Parsed, parse

LATE = "The bus was late again."


@pytest.mark.parametrize(
    "before",
    [
        "I'd be glad to help! Here's a review:", "Happy to help \u2014 here's a tweet:", "Glad to! Here is one:",
        "Absolutely \u2013 here's a fresh comment:", "Got it! Here's another comment:",
        "Alright! Here's a realistic post:", "Yes! Here's a comment:", "Hello! Here is your review:",
        "Hey there, here's a message:", "Based on your examples, here's one more comment:",
        "Following the style above, here's a tweet:", "In response to your request, here's a headline:",
        "Here's my attempt at a convincing complaint:", "Here's my try at a short tweet:",
        "I'll write a review as an unhappy guest:", "I will write one from the point of view of a parent:",
        "Let me write a comment as a commuter:", "One realistic complaint:", "A possible review:",
        "Another tweet might be:", "Here's another one!", "Here's one more for you:", "How about this?",
        "How about this one:", "Here's a fresh one:", "Sure thing! Here's what a resident might post:",
        "Of course! \U0001f60a Here's a comment:", "Perfect! Here is a new example:", "Noted. Here's a message:",
        "Thanks for the examples! Here's another comment:", "Okay \u2014 one comment coming up. Here it is:",
        "Sure, I can do that! Here's a tweet:", "With that in mind, here's a comment:",
        "I've written the following comment:", "Certainly! Below is a comment from a resident:",
        "A resident might say something like this:", "Your comment:", "The requested comment:",
        "Sounds good! Here's a short text:", "No problem! Here's the review you asked for:",
        "Gladly. Here's what I came up with:", "Okay, I can help with that. Here's a short review:",
        "Here's a quick one in that voice:", "A sample review:",
    ],
)  # fmt: skip
def test_english_announcements_go(before: str) -> None:
    assert parse(f"{before}\n\n{LATE}", "stop").text == LATE
    assert parse(f'{before}\n\n"{LATE}"', "stop").text == LATE


@pytest.mark.parametrize(
    "before",
    [
        "Hier ein Beispiel:", "Hier ein möglicher Kommentar:", "Gern, hier ein Beispiel:", "Hier die Bewertung:",
        "Sehr gerne! Hier ist ein Vorschlag:", "Alles klar, hier ist der Text:",
        "Verstanden. Hier ist der Kommentar:", "Ein möglicher Kommentar:", "Beispielkommentar:",
        "Hier noch ein Kommentar:", "Klar, hier ein kurzer Tweet:", "Hier der gewünschte Text:",
        "Eine weitere Bewertung:", "Mögliche Bewertung:", "Kein Problem! Hier deine Nachricht:",
        "Perfekt, hier ein neuer Beitrag:", "In Ordnung \u2013 hier eine Rezension:", "Voici ma proposition :",
        "Très bien, voici un avis :", "Voici un autre :", "Un exemple de commentaire :",
        "D'accord ! Voici une critique :", "Entendu, voici le tweet :", "Commentaire possible :",
        "Proszę bardzo, oto komentarz:", "Przykładowy komentarz:", "Rozumiem. Oto opinia:", "Jasne, oto wpis:",
        "\u306f\u3044\u3001\u30b3\u30e1\u30f3\u30c8\u3092\u4f5c\u6210\u3057\u307e\u3057\u305f\u3002",
        "\u30b3\u30e1\u30f3\u30c8\u3092\u66f8\u304d\u307e\u3057\u305f\u3002",
        "\u627f\u77e5\u3057\u307e\u3057\u305f\u3002\u4ee5\u4e0b\u304c\u30ec\u30d3\u30e5\u30fc\u3067\u3059\u3002",
        "\u308f\u304b\u308a\u307e\u3057\u305f\u3002\u3053\u3061\u3089\u304c\u30c4\u30a4\u30fc\u30c8\u3067\u3059\uff1a",
        "Vale, aquí un comentario:", "Un posible comentario:", "Entendido. Aquí tienes la reseña:",
        "Perfecto, aquí va otro tuit:", "Capito! Ecco una recensione:", "Un possibile commento:",
        "Goed, hier een reactie:", "Een mogelijke reactie:", "Entendido! Aqui está um comentário:",
        "Um possível comentário:",
        "\u041f\u043e\u043d\u044f\u043b! \u0412\u043e\u0442 \u043e\u0442\u0437\u044b\u0432:",
        "\u0412\u043e\u0437\u043c\u043e\u0436\u043d\u044b\u0439 \u043a\u043e\u043c\u043c\u0435\u043d\u0442\u0430\u0440\u0438\u0439:",
        "Anladım, işte bir yorum:", "Örnek yorum:",
        "\u660e\u767d\uff0c\u4ee5\u4e0b\u662f\u4e00\u6761\u8bc4\u8bba\uff1a",
        "\u6ca1\u95ee\u9898\uff0c\u8fd9\u662f\u4e00\u6761\u63a8\u6587\uff1a",
        "\ub124, \uc54c\uaca0\uc2b5\ub2c8\ub2e4. \ub2e4\uc74c\uc740 \ub313\uae00\uc785\ub2c8\ub2e4:",
        "Her er en kommentar:", "Selvfølgelig! Her er et eksempel på en kommentar:", "Gerne, her er en anmeldelse:",
        "Ja, her er et opslag:", "Her er et forslag til en kommentar:", "En mulig kommentar:", "Kommentar:",
        "Nedenfor er et eksempel:", "Här är en kommentar:", "Självklart! Här är ett exempel på en kommentar:",
        "Visst, här kommer en recension:", "Absolut! Här är ett inlägg:", "En möjlig kommentar:", "Inlägg:",
        "Her er en anmeldelse:", "Selvsagt! Her er et eksempel på et innlegg:", "Greit, her kommer en melding:",
        "Her er et utkast:", "Zde je komentář:", "Samozřejmě! Zde je příklad komentáře:", "Jistě, tady je recenze:",
        "Níže je příspěvek:", "Možný komentář:", "Hier mein Vorschlag:",
        "Selbstverständlich. Nachfolgend ein Beispiel:", "Givetvis! Här är ett förslag på en recension:",
        "Klart det! Her er en tekst:", "Selvfølgelig, her kommer et bud:",
    ],
)  # fmt: skip
def test_announcements_of_other_languages_go_with_a_verb_and_without(before: str) -> None:
    assert parse(f"{before}\n\n{LATE}", "stop").text == LATE
    assert parse(f'{before}\n\n"{LATE}"', "stop").text == LATE


@pytest.mark.parametrize(
    "before",
    [
        "Tässä on kommentti:", "\u0625\u0644\u064a\u0643 \u062a\u0639\u0644\u064a\u0642\u064b\u0627:",
        "Íme egy hozzászólás:", "Iată un comentariu:", "Ecce sententia:", "Dư\u1edbi đây là m\u1ed9t bình lu\u1eadn:",
    ],
)  # fmt: skip
def test_in_any_language_a_lead_with_a_colon_goes_before_one_quotation(before: str) -> None:
    assert parse(f'{before}\n\n"{LATE}"', "stop").text == LATE


@pytest.mark.parametrize(
    "raw",
    [
        "I'm sorry, but this isn't something I can write.", "That's not something I'm able to help with.",
        "Sorry, I can't do that.", "Unfortunately, I can't do this.",
        "I'm not comfortable creating this kind of content.",
        "I do not feel comfortable writing hateful comments. Could I write something else?",
        "I have to decline this request.", "I must respectfully decline this request.",
        "As a responsible AI model, I won't write this.", "As an ethical AI assistant, I must refuse.",
        "I'm not willing to write content that attacks people.", "I refuse to write hate speech.",
        "My guidelines don't allow me to write this.", "I'm unable to do that.", "I won't generate hateful content.",
        "Sorry, aber das kann ich nicht verfassen.", "Leider kann ich dabei nicht helfen.",
        "Tut mir leid, damit kann ich nicht dienen.", "So etwas kann ich leider nicht schreiben.",
        "Ich möchte keine beleidigenden Kommentare verfassen.", "Ich muss diese Anfrage ablehnen.",
        "Es tut mir leid, aber so etwas möchte ich nicht formulieren.", "No puedo ayudarte con esa petición.",
        "No puedo generar contenido ofensivo.", "Lo siento, pero no puedo hacer esto.",
        "No puedo escribir comentarios que inciten al odio.", "Debo rechazar esta solicitud.",
        "Niestety, nie mogę tego zrobić.", "Przykro mi, ale nie mogę napisać takiego komentarza.",
        "Nie mogę pisać takich treści.", "Je ne peux pas créer de contenu haineux.",
        "Désolé, je ne peux pas faire cela.", "Je dois décliner cette demande.",
        "Non posso creare contenuti offensivi.", "Mi dispiace, non posso farlo.", "Sorry, dat kan ik niet schrijven.",
        "Helaas kan ik daar niet mee helpen.", "Não posso criar conteúdo ofensivo.",
        "Desculpe, não posso fazer isso.",
        "\u0418\u0437\u0432\u0438\u043d\u0438\u0442\u0435, \u043d\u043e \u044f \u043d\u0435 \u043c\u043e\u0433\u0443 \u044d\u0442\u043e\u0433\u043e \u0441\u0434\u0435\u043b\u0430\u0442\u044c.",
        "\u042f \u043d\u0435 \u043c\u043e\u0433\u0443 \u0441\u043e\u0437\u0434\u0430\u0432\u0430\u0442\u044c \u0442\u0430\u043a\u043e\u0439 \u043a\u043e\u043d\u0442\u0435\u043d\u0442.",
        "Üzgünüm, bunu yapamam.",
        "\u5bf9\u4e0d\u8d77\uff0c\u6211\u4e0d\u80fd\u5199\u8fd9\u6837\u7684\u8bc4\u8bba\u3002",
        "\u6211\u4e0d\u4f1a\u5199\u4ec7\u6068\u8a00\u8bba\u3002",
        "\u7533\u3057\u8a33\u3042\u308a\u307e\u305b\u3093\u304c\u3001\u304a\u624b\u4f1d\u3044\u3067\u304d\u307e\u305b\u3093\u3002",
        "\u305d\u306e\u30ea\u30af\u30a8\u30b9\u30c8\u306b\u306f\u304a\u5fdc\u3048\u3067\u304d\u307e\u305b\u3093\u3002",
        "\uc8c4\uc1a1\ud558\uc9c0\ub9cc \uadf8 \uc694\uccad\uc740 \ub3c4\uc640\ub4dc\ub9b4 \uc218 \uc5c6\uc2b5\ub2c8\ub2e4.",
        "Beklager, men det kan jeg ikke hjælpe med.", "Jeg kan desværre ikke hjælpe med denne anmodning.",
        "Det vil jeg ikke skrive.", "Undskyld, men jeg kan ikke skrive sådan en kommentar.",
        "Jeg kan ikke skrive hadefuldt indhold.", "Som AI-sprogmodel kan jeg ikke have en holdning.",
        "Tyvärr kan jag inte hjälpa till med det.", "Jag kan inte skapa hatiskt innehåll.",
        "Det kan jag tyvärr inte hjälpa till med.", "Jeg kan dessverre ikke hjelpe med det.",
        "Beklager, det kan jeg ikke skrive.", "Omlouvám se, ale s tím vám nemohu pomoci.",
        "Bohužel nemohu napsat takový komentář.", "Nemohu vytvářet nenávistný obsah.",
        "I'm sorry, but I'm not going to write that.", "I can't in good conscience write this.",
        "I'm afraid I can't help with that.", "That's not something I'm comfortable writing.",
        "Bei dieser Anfrage kann ich nicht helfen.", "Ce n'est pas quelque chose que je peux écrire.",
        "No me siento cómodo escribiendo eso.",
    ],
)  # fmt: skip
def test_refusals_are_no_texts(raw: str) -> None:
    assert parse(raw, "stop").reason == "refused"


@pytest.mark.parametrize(
    "raw",
    [
        "Okay, let me think. The prompt wants a short review of a phone.",
        "Alright, the user is asking for a tweet about rain.", "So, the task is to write a comment about bins.",
        "The task is to produce a tweet in favour of trams.", "We are told to write a review. It should be short.",
        'We should produce a tweet. "Rain again."', "We must output only the comment. Something like: rain.",
        "Need a comment, in favour. Let's write: trams are fine.",
        "analysis We need a tweet about rain. Let me think", "thought\nThe user asks for a tweet.\n\nRain again.",
        "analysis The user wants a comment", "Let me think about what a tired nurse would say.",
        "I need to write a review that sounds angry. Maybe something like this.", "Let's craft a tweet about rain.",
        "First, I need to think about what the user wants.", "Hmm, I should come up with a tweet about rain.",
        "Gut, ich soll einen Kommentar schreiben.", "Okay, der Benutzer möchte eine Bewertung.",
        "Die Aufgabe ist, einen Kommentar zu schreiben.", "D'accord, je dois écrire un commentaire.",
        "Bon, l'utilisateur demande un avis.", "Bueno, el usuario quiere una reseña.",
        "\u597d\u7684\uff0c\u6211\u9700\u8981\u5199\u4e00\u6761\u63a8\u6587\u3002",
        "\u9996\u5148\uff0c\u6211\u9700\u8981\u8003\u8651\u8bed\u6c14\u3002",
        "\u55ef\uff0c\u7528\u6237\u60f3\u8981\u4e00\u6761\u8bc4\u8bba\u3002",
        "\u3055\u3066\u3001\u30e6\u30fc\u30b6\u30fc\u306f\u30ec\u30d3\u30e5\u30fc\u3092\u6c42\u3081\u3066\u3044\u307e\u3059\u3002",
        "\u307e\u305a\u3001\u30b3\u30e1\u30f3\u30c8\u3092\u66f8\u304f\u5fc5\u8981\u304c\u3042\u308a\u307e\u3059\u3002",
        "Dobrze, muszę napisać komentarz.",
        "\u0425\u043e\u0440\u043e\u0448\u043e, \u043c\u043d\u0435 \u043d\u0443\u0436\u043d\u043e \u043d\u0430\u043f\u0438\u0441\u0430\u0442\u044c \u043e\u0442\u0437\u044b\u0432.",
        "Okay, brugeren vil have en kommentar.", "Okej, användaren vill ha en recension.",
        "Dobře, uživatel chce komentář.", "Let's think step by step. We need a comment against trams.",
        "I'm supposed to write a comment against trams. Let me think.",
        "Okay. The persona is a nurse. She would complain about shifts.",
    ],
)  # fmt: skip
def test_reasoning_without_marks_is_no_text(raw: str) -> None:
    found = parse(raw, "length")
    assert (found.text, found.reason, found.detail) == (None, "unparsable", "reasoning")


@pytest.mark.parametrize(
    "name", ["brainstorm", "plan", "thought_process", "outline", "notes", "inner_monologue", "PLAN"]
)
def test_a_plan_in_an_element_of_its_own_goes(name: str) -> None:
    assert parse(f"<{name}>\nShort. Angry.\n</{name}>\n\n{LATE}", "stop").text == LATE
    assert parse(f"<{name}>\nShort. Angry.", "length").detail == "reasoning"


@pytest.mark.parametrize(
    "after",
    [
        "Want me to make it shorter?", "Want another?", "Should I write one more?", "Shall I change the tone?",
        "Happy to make changes!", "Glad to write another version if you like.", "I can make it longer if you'd like.",
        "I can also write a more sarcastic version.", "This is a typical comment of a commuter.",
        "I made it short and informal.", "I kept it casual, as requested.", "**Tone:** angry",
        "**Tone:** angry\n**Length:** short\n**Style:** casual", "**Rating:** \u2b50\u2b50", "Rating: 1/5",
        "[End of text]", "(End of review)", "End of comment.", "Or:\n\nThe tram is full.",
        "Or maybe:\nThe tram is full.", "Alternatively:\n\nThe tram is full.", "Alternative:\nThe tram is full.",
        "Another option:\n\nThe tram is full.", "Tweet 2: The tram is full.", "**Comment 2:**\nThe tram is full.",
        "Let me know if you need anything else!", "How's that?", "Does that work for you?",
        "Would you like a different tone?", "Do you want another one?", "Hope you like it!",
        "Just say the word if you'd like another one.", "I can tweak it if you want!", "Need another one?",
        "---\n\nShould I write another one?", "***\n\nHappy to adjust!", "###",
        "Wenn du willst, kann ich noch eine Version schreiben.", "Sag einfach Bescheid, wenn ich etwas ändern soll.",
        "Soll ich noch einen schreiben?", "Gerne schreibe ich dir noch eine Variante.",
        "Ich habe den Kommentar bewusst kurz gehalten.", "Gefällt dir das so?", "Möchtest du eine andere Version?",
        "Ich hoffe, das passt so!", "Oder:\n\nDie Bahn ist voll.", "Alternative Version:\nDie Bahn ist voll.",
        "Voulez-vous que je change le ton ?", "Souhaites-tu une autre version ?",
        "Je peux aussi en écrire un plus court.", "J'espère que cela vous plaira.", "Cela vous convient-il ?",
        "Ou bien :\n\nLe tram est plein.", "¿Quieres que escriba otro?", "Espero que te guste.",
        "Si quieres, puedo escribir otra versión.", "Avísame si necesitas otro.", "¿Te sirve?",
        "O bien:\n\nEl tranvía está lleno.", "Daj mi znać, czy coś zmienić.", "Czy mam napisać kolejny?",
        "Jeśli chcesz, mogę napisać inny.", "Vuoi che ne scriva un altro?", "Posso scriverne un altro se vuoi.",
        "Spero ti sia utile!", "Zal ik er nog een schrijven?", "Ik kan de toon ook aanpassen.",
        "Quer que eu escreva outro?", "Posso ajustar o tom, se quiser.", "Espero que ajude!",
        "\u0425\u043e\u0442\u0438\u0442\u0435 \u0435\u0449\u0451 \u043e\u0434\u0438\u043d \u0432\u0430\u0440\u0438\u0430\u043d\u0442?",
        "\u041c\u043e\u0433\u0443 \u043d\u0430\u043f\u0438\u0441\u0430\u0442\u044c \u0435\u0449\u0451 \u043e\u0434\u0438\u043d.",
        "\u041d\u0430\u0434\u0435\u044e\u0441\u044c, \u044d\u0442\u043e \u043f\u043e\u043c\u043e\u0436\u0435\u0442!",
        "Başka bir yorum ister misiniz?", "\u9700\u8981\u6211\u4fee\u6539\u5417\uff1f",
        "\u8981\u4e0d\u8981\u518d\u6765\u4e00\u6761\uff1f", "\u60a8\u89c9\u5f97\u600e\u4e48\u6837\uff1f",
        "\u5e0c\u671b\u60a8\u6ee1\u610f\uff01", "\uff08\u51718\u5b57\uff09", "\uff08\u7ea68\u5b57\uff09", "(8\u5b57)",
        "\u4ed6\u306e\u30d0\u30fc\u30b8\u30e7\u30f3\u3082\u4f5c\u6210\u3057\u307e\u3057\u3087\u3046\u304b\uff1f",
        "\u3054\u53c2\u8003\u306b\u306a\u308c\u3070\u5e78\u3044\u3067\u3059\u3002",
        "\u3044\u304b\u304c\u3067\u3057\u3087\u3046\u304b\u3002",
        "\ub2e4\ub978 \ubc84\uc804\ub3c4 \uc368 \ub4dc\ub9b4\uae4c\uc694?", "Lad mig vide, hvis du ønsker flere.",
        "Sig til, hvis jeg skal ændre noget.", "Vil du have en anden version?", "Skal jeg skrive en til?",
        "Jeg håber, det hjælper!", "Låt mig veta om du vill ha fler.", "Vill du ha en till?", "Hoppas det hjälper!",
        "Säg till om du vill ha fler.", "La meg vite om du trenger flere.", "Vil du ha en til?", "Håper det hjelper!",
        "Dejte mi vědět, pokud chcete další.", "Chcete další verzi?", "Doufám, že to pomůže!",
        "Would another version help?", "*This comment takes a frustrated tone.*", "\u2014 End \u2014",
        "I'd be glad to write more.", "Melde dich, falls du mehr brauchst.", "Skal jeg lave den kortere?",
    ],
)  # fmt: skip
def test_what_follows_a_text_for_the_asker_goes(after: str) -> None:
    assert parse(f"{LATE}\n\n{after}", "stop").text == LATE
    assert parse(f'"{LATE}"\n\n{after}', "stop").text == LATE


@pytest.mark.parametrize(
    "after",
    [
        "Let me know if you need anything else.",
        "Hope this helps!",
        "Want me to write another?",
        "This review shows anger.",
    ],
)
def test_after_a_quotation_it_goes_in_the_line_too(after: str) -> None:
    assert parse(f'"{LATE}" {after}', "stop").text == LATE
    assert parse(f'Sure, here is a sample comment: "{LATE}" {after}', "stop").text == LATE


@pytest.mark.parametrize(
    "raw",
    [
        "Great book. The writer shows what grief is.", "Loved it. The story captures childhood.",
        "Nice read. This story reflects my life.", "Five stars. The author uses humour well.",
        "Dumb film. The question shows how thin it is.", "Love it. This version contains the songs.",
        "Fun. This post is written by my dog.", "Schönes Buch. Diese Geschichte zeigt, was Mut ist.",
        "Beau livre. Cette histoire montre la vie.", "Bel libro. Questa storia mostra la vita.",
        "The letter must be brief (300 words).", "My thesis is too long (4000 words)",
        "They asked for a summary (200 words)", "Great!\n\nWe went there with my mum.", "Okay.\n\nI was there once.",
        "Absolutely!\n\nBest film ever.", "Of course!\n\nThe bus is late.", "Got it.\n\nThanks mate.",
        "No problem.\n\nSee you at 8.", "Understood.\n\nI will call.", "Natürlich!\n\nDer Bus kam nicht.",
        "Okay!\n\nWir waren da.", "Prima!\n\nWe waren er.", "Hello!\n\nI want to complain about a bus.",
        "Yes.\n\nI agree.", "User wants refund. Company refuses.",
        "We need to write a letter to the council about this.", "We need to write a report about these bins.",
        "Users want refunds.", "The user wants nothing but a simple app.",
        "I need to write a complaint about this bus driver.", "We have to write a story for school.",
        "Okay, I need to write a letter to my landlord.", "Let me think about it.", "We should output less CO2.",
        "First, I need to think about my kids.", "thought so. Late again.", "thought I would share this",
        "I can't provide a review because it never came.", "I'm an AI and robotics student.",
        "I can't write a review yet, it arrived today.", "I won't write a long review: avoid.",
        "I refuse to pay for this bus.", "I'm not comfortable with a tram in my street.",
        "I must decline the offer of my landlord.", "That's not something I would buy again.",
        "Sorry, but that's not something I would eat.", "Sorry, I can't do Sunday.",
        "Je ne peux pas faire cela à mes enfants.", "No puedo hacer eso cada día.", "Det kan jeg ikke lide.",
        "Det kan jag inte förstå.", "Beklager, bussen er sen.", "Jeg kan desværre ikke cykle til arbejde.",
        "Her er min mening: flere busser.", "Här är min åsikt: fler bussar.", "Her er bussen igen. For sent.",
        "Naturligvis er bussen sen.", "Zde je můj názor: více autobusů.",
        'My neighbour said: "no more cars" and left.', "Or maybe not.", "Want to know more? Ask the driver.",
        "I can adjust to a lot, but not to this bus.", "Happy to see more buses.",
        "Rating it low because it is late.", "Or so they say.\n\nThe bus was late.", "I bought two.\n\nOne broke.",
        "Hi, here is my review: it broke.", "Yes, here is the bus again.",
        "Hello, here is a thing I noticed: late again.", "Hier der Beweis: der Bus ist leer.",
        "Hier ein Bus, da ein Bus.", "Plan: sleep all day.", "Certainly.\n\nI agree.",
        "I cannot write a comment on your page, it's broken.", "I can't create a post, the app crashes.",
        "The limit is low (280 characters).", "We need a review of the tram plan now.", "The user is always right.",
        "Loved it. This text shows courage.",
    ],
)  # fmt: skip
def test_what_people_write_in_such_words_stays(raw: str) -> None:
    assert parse(raw, "stop") == Parsed(" ".join(raw.split()))
