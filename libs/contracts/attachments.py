"""What the attachments service is asked and tells. Its uploads come with the next part of the contract."""
