"""The use cases of attachments: uploads as others ask for them, their reading, and what is swept up."""
