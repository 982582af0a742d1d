//! The adapters keep the rules of their ports, whoever asks and however.

mod speech {
    use crate::fixture::{by_key, speech};

    parlance_contract::speech_synthesizer_contract!(*speech(by_key));
}

mod speech_of_a_service_account {
    use crate::fixture::{by_account, speech};

    parlance_contract::speech_synthesizer_contract!(*speech(by_account));
}

mod recognizer {
    use crate::fixture::{by_key, recognizer};

    parlance_contract::speech_recognizer_contract!(*recognizer(by_key));
}

mod writer {
    use crate::fixture::{by_key, writer};

    parlance_contract::conversation_writer_contract!(*writer(by_key));
}

mod writer_of_a_stream {
    use crate::fixture::{streamed, writer};

    parlance_contract::conversation_writer_contract!(*writer(streamed));
}
